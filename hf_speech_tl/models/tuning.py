"""Which weights a run trains: all of them, low-rank adapters, or the head alone."""

from __future__ import annotations

from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers import PreTrainedModel

from hf_speech_tl.models.depth import freeze_lowest
from hf_speech_tl.models.families import FAMILIES
from hf_speech_tl.models.head import head_of


def prepare_tuning(
    model: PreTrainedModel, tuning: str, *, fresh: bool, rank: int, freeze_layers: int = 0
) -> PreTrainedModel | PeftModel:
    """Freeze what `tuning` (full, lora or head) leaves alone, and wrap the model in LoRA where that is asked for.

    freeze_layers: so many of the lowest layers stay as they are too, and get no adapters.

    The feature encoder of pretrained weights stays frozen, as in wav2vec 2.0 (Baevski et al. 2020); it is frozen by the
    model's own method, because switching off `requires_grad` alone leaves its input asking for a gradient, and the
    whole convolution stack is then differentiated for nothing.
    """
    if not fresh:
        if hasattr(model, "freeze_feature_encoder"):
            model.freeze_feature_encoder()  # type: ignore[operator]
        keep_statistics(model)
    if freeze_layers:
        freeze_lowest(model, freeze_layers)
    if tuning == "head":
        model.requires_grad_(False)
        head_of(model).requires_grad_(True)
    if hasattr(model.base_model, "masked_spec_embed") and not model.config.mask_time_prob:
        # Never used in such a run, and not to be counted among what it trains.
        model.base_model.masked_spec_embed.requires_grad_(False)
    if tuning != "lora":
        return model
    adapter = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        target_modules=_targets(model),
        # A new vocabulary has a new head: it is trained whole, saved with the adapter and merged with it.
        modules_to_save=[FAMILIES[model.config.model_type].head],
    )
    adapted = get_peft_model(model, adapter)
    # With a name there, peft compares the vocabulary with the base model's when a checkpoint is saved, and where it
    # differs asks for embeddings, which speech encoders have not. save_model gives the finished adapter its name.
    adapter.base_model_name_or_path = ""
    return adapted


def keep_statistics(model: nn.Module) -> None:
    """Let the batch norms of a pretrained conformer go on with the statistics that they came with."""
    for module in model.modules():
        if type(module) is nn.BatchNorm1d:
            module.__class__ = _KnownStatistics


class _KnownStatistics(nn.BatchNorm1d):
    """The batch norm of a pretrained conformer goes on with the statistics that it came with.

    Those of a batch would count its padding, and make a clip's loss depend on its neighbours; and what a LoRA adapter
    saves has no place for new ones, so that merged and adapted model would differ.
    """

    def train(self, mode: bool = True) -> _KnownStatistics:
        return super().train(False)


def merge(model: PreTrainedModel | PeftModel) -> PreTrainedModel:
    """The plain model: adapters merged into the weights they stand beside."""
    return model.merge_and_unload() if isinstance(model, PeftModel) else model


def _targets(model: PreTrainedModel) -> list[str]:
    names = FAMILIES[model.config.model_type].lora_targets
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
        and "encoder.layer" in name
        and name.rsplit(".", 1)[-1] in names
        and module.weight.requires_grad
    ]

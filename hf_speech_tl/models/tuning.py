"""Which weights a run trains: all of them, low-rank adapters, or the head alone."""

from __future__ import annotations

from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers import PreTrainedModel

from hf_speech_tl.models.families import FAMILIES


def prepare_tuning(model: PreTrainedModel, tuning: str, *, fresh: bool, rank: int) -> PreTrainedModel | PeftModel:
    """Freeze what `tuning` (full, lora or head) leaves alone, and wrap the model in LoRA where that is asked for.

    The feature encoder of pretrained weights stays frozen, as in wav2vec 2.0 (Baevski et al. 2020); it is frozen by the
    model's own method, because switching off `requires_grad` alone leaves its input asking for a gradient, and the
    whole convolution stack is then differentiated for nothing.
    """
    if not fresh:
        model.freeze_feature_encoder()  # type: ignore[operator]
    if tuning == "head":
        model.base_model.requires_grad_(False)
    if not model.config.mask_time_prob and hasattr(model.base_model, "masked_spec_embed"):
        # Never used in such a run, and not to be counted among what it trains.
        model.base_model.masked_spec_embed.requires_grad_(False)
    if tuning != "lora":
        return model
    adapter = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        target_modules=_targets(model),
        # A new vocabulary has a new head: it is trained whole, saved with the adapter and merged with it.
        modules_to_save=["lm_head"],
    )
    return get_peft_model(model, adapter)


def merge(model: PreTrainedModel | PeftModel) -> PreTrainedModel:
    """The plain model: adapters merged into the weights they stand beside."""
    return model.merge_and_unload() if isinstance(model, PeftModel) else model


def _targets(model: PreTrainedModel) -> list[str]:
    names = FAMILIES[model.config.model_type].lora_targets
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and "encoder.layers" in name and name.rsplit(".", 1)[-1] in names
    ]

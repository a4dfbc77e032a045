"""The quantiser that contrastive pretraining needs beside an encoder: a checkpoint's own, or a fresh one."""

from __future__ import annotations

import torch
from transformers import AutoModelForPreTraining, PreTrainedConfig, PreTrainedModel

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models.checkpoint import Checkpoint
from hf_speech_tl.models.starter import place_of

# For UniSpeech and UniSpeech-SAT transformers has the modules, but no contrastive loss: what it computes with them is
# marked as still to be done, and they lack the projection of what is predicted.
_ABLE = ("wav2vec2", "wav2vec2-conformer")
_PARTS = ("quantizer", "project_q", "project_hid")


def check_quantisable(name: str, config: PreTrainedConfig) -> None:
    """Raise SettingsError unless a model of this configuration can be trained with `--objective contrastive`."""
    if config.model_type not in _ABLE:
        raise SettingsError(
            f"--objective contrastive: {name} is of the family {config.model_type}, for which transformers has no "
            f"contrastive loss; allowed: {', '.join(_ABLE)}. Take a model of one of these, or another --objective."
        )
    counts = ("num_negatives", "num_codevectors_per_group", "proj_codevector_dim")
    if lacking := next((name for name in counts if getattr(config, name) < 1), None):
        raise SettingsError(
            f"--objective contrastive: the config.json of {name} has {lacking} {getattr(config, lacking)}; allowed: 1 "
            "and more. Mend the file, or take another model."
        )
    groups, width = config.num_codevector_groups, config.codevector_dim
    if groups < 1 or width < groups or width % groups:
        raise SettingsError(
            f"--objective contrastive: the config.json of {name} has codevector_dim {width} and "
            f"num_codevector_groups {groups}; the first must be a multiple of the second. Mend the file, or "
            "take another model."
        )


def add_quantiser(checkpoint: Checkpoint) -> tuple[PreTrainedModel, str | None]:
    """The `*ForPreTraining` model around a checkpoint's encoder, and a line to tell where its quantiser is fresh.

    A checkpoint that was pretrained so goes on with its quantiser. One that is fine-tuned, or a bare encoder, gets a
    fresh one: what the encoder can do is not lost with it, but the first steps teach the quantiser. From nothing,
    which needs no telling, all is fresh. Random weights are drawn from torch's seed. Raises SettingsError where the
    checkpoint has a part of a quantiser, or one of another shape.
    """
    config = checkpoint.model.config
    if checkpoint.fresh:
        model, told = AutoModelForPreTraining.from_config(config), None
    else:
        model, told = _with_own_quantiser(checkpoint)
    # The encoder has been checked, and what its configuration is told from now on is to be saved with all of it.
    setattr(model, model.base_model_prefix, checkpoint.model.base_model)
    model.config = config
    return model, told


def _with_own_quantiser(checkpoint: Checkpoint) -> tuple[PreTrainedModel, str | None]:
    model, report = AutoModelForPreTraining.from_pretrained(
        place_of(checkpoint.name),
        config=checkpoint.model.config,
        dtype=torch.float32,
        output_loading_info=True,
        ignore_mismatched_sizes=True,
        trust_remote_code=False,
    )
    wanted = {key for key in model.state_dict() if key.startswith(_PARTS)}
    missing = wanted & set(report["missing_keys"])
    wrong = wanted & {key[0] for key in report["mismatched_keys"]} or (missing if missing != wanted else set())
    if wrong:
        raise SettingsError(
            f"--model {checkpoint.name}: {len(wrong)} weights of its quantiser are missing in the checkpoint, or of "
            f"another shape than its config.json says ({min(wrong)}, ...). Take a whole checkpoint, or another."
        )
    if not all(weight.isfinite().all() for key, weight in model.state_dict().items() if key in wanted):
        raise SettingsError(
            f"--model {checkpoint.name}: weights of its quantiser are not finite numbers. Take another checkpoint."
        )
    if not missing:
        return model, None
    return model, (
        f"{checkpoint.name} has no quantiser (it is a bare encoder, or fine-tuned): a fresh one is trained with it"
    )

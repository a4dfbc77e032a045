"""Encoders whose frames are masked from outside, by `mask_time_indices`."""

from __future__ import annotations

import torch
from torch import nn
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models.checkpoint import can_mask
from hf_speech_tl.models.families import FAMILIES

_USUAL_SHARE = 0.05  # of SpecAugment in training: the default of all these families


def check_maskable(name: str, config: PreTrainedConfig, objective: str) -> None:
    """Raise SettingsError unless the frames of this model can be masked, as `--objective OBJECTIVE` needs it."""
    if not can_mask(config):
        able = ", ".join(family for family in FAMILIES if can_mask(AutoConfig.for_model(family)))
        raise SettingsError(
            f"--objective {objective}: {name} is of the family {config.model_type}, whose frames cannot be masked; "
            f"allowed: {able}. Take a model of one of these, or --objective distil."
        )


def take_masks(encoder: PreTrainedModel) -> None:
    """Make a base model mask just what it is told to by `mask_time_indices`, in training and evaluation alike.

    It gets an embedding for masked frames where it was built without, because nothing was to be masked then. What its
    configuration may hold against it is changed: with `apply_spec_augment` off transformers leaves masks out without a
    word, and it goes on masking channels by chance beside the masks that are given. `mask_time_prob` must not stay 0,
    or whoever loads the saved model gets it without the embedding; while masks are given, it is not used.
    """
    config = encoder.config
    config.apply_spec_augment = True
    config.mask_feature_prob = 0.0
    config.mask_time_prob = config.mask_time_prob or _USUAL_SHARE
    if not hasattr(encoder, "masked_spec_embed"):
        embedding = torch.empty(config.hidden_size, dtype=encoder.dtype, device=encoder.device)
        encoder.masked_spec_embed = nn.Parameter(embedding.uniform_())
    encoder.masked_spec_embed.requires_grad_(True)

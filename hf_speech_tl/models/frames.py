"""The frames that a model answers with, whatever its family."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from torch import Tensor, nn
from transformers import PreTrainedConfig

from hf_speech_tl.audio import RATE
from hf_speech_tl.models.families import family_of
from hf_speech_tl.models.frontends import FeatureExtractor


def frame_count(config: PreTrainedConfig, samples: int) -> int:
    """Output frames for a number of samples; none for less than the receptive field."""
    frontend = family_of(config).frontend
    return max(0, frontend.frames(config, frontend.inputs(config, samples)))


def frames_of(config: PreTrainedConfig, inputs: int) -> int:
    """Output frames for a number of what the model is fed: samples, or log-mel frames, padding among them."""
    return family_of(config).frontend.frames(config, inputs)


def frame_rate(config: PreTrainedConfig) -> float:
    """Output frames a second, of a recording so long that its ends do not matter."""
    return (frame_count(config, 200 * RATE) - frame_count(config, 100 * RATE)) / 100


def frame_middles(config: PreTrainedConfig, samples: int) -> np.ndarray:
    """Where the middle of what each output frame hears of a clip lies, in samples: `(frames,)`.

    What only the transformer lets a frame hear does not count; convolutions that pad their input are centred.
    """
    field = 1 + bisect_left(range(1, RATE), 1, key=lambda count: frame_count(config, count))
    return field / 2 + np.arange(frame_count(config, samples)) * RATE / frame_rate(config)


def mask_length(config: PreTrainedConfig, samples: int) -> int:
    """How many places of the attention mask a number of samples fills: samples, or log-mel frames."""
    return family_of(config).frontend.inputs(config, samples)


def input_name(config: PreTrainedConfig) -> str:
    """What the feature extractor calls its result, and the model its input."""
    return family_of(config).frontend.input_name


def hears_padding(config: PreTrainedConfig) -> bool:
    """Whether what a clip is batched with changes its logits: by the family, or by a norm over the whole input."""
    return family_of(config).hears_padding or getattr(config, "feat_extract_norm", "layer") == "group"


def logits_of(model: nn.Module, config: PreTrainedConfig, inputs: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Logits `(batch, frames, symbols)` of a padded batch, and how many frames of each clip count, `(batch,)`.

    inputs: `(batch, samples)`, or `(batch, frames, features)` of a family that hears log-mel; mask: 1 where they are a
    clip's own, `(batch, samples or frames)`. config: the model's, which may be wrapped.
    """
    logits = model(**{input_name(config): inputs}, attention_mask=mask).logits
    return logits, frames_of_mask(config, mask)


def states_of(
    encoder: nn.Module, config: PreTrainedConfig, inputs: Tensor, mask: Tensor, layer: int | None = None
) -> tuple[Tensor, Tensor]:
    """What an encoder makes of a padded batch, `(batch, frames, width)`, and how many frames of each clip count.

    layer: whose states, counted from 1; None for what the encoder as a whole gives. The others as for `logits_of`.
    """
    output = encoder(**{input_name(config): inputs}, attention_mask=mask, output_hidden_states=layer is not None)
    states = output.last_hidden_state if layer is None else output.hidden_states[layer]
    return states, frames_of_mask(config, mask)


def frames_of_mask(config: PreTrainedConfig, mask: Tensor) -> Tensor:
    """How many frames of each clip of a padded batch count, `(batch,)`; mask as for `logits_of`."""
    return family_of(config).frontend.frames(config, mask.sum(-1))


def plain_feature_extractor(config: PreTrainedConfig) -> FeatureExtractor:
    """The feature extractor of a bare encoder that was saved without one."""
    return family_of(config).frontend.feature_extractor(config)

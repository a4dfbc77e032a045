"""What stands before the transformer: from samples to what a model is fed, and to the frames it answers with."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

from torch import Tensor
from transformers import (
    LasrFeatureExtractor,
    ParakeetFeatureExtractor,
    PreTrainedConfig,
    SeamlessM4TFeatureExtractor,
    Wav2Vec2FeatureExtractor,
)

from hf_speech_tl.audio import RATE
from hf_speech_tl.models.filterbank import joined

FeatureExtractor: TypeAlias = (
    Wav2Vec2FeatureExtractor | SeamlessM4TFeatureExtractor | ParakeetFeatureExtractor | LasrFeatureExtractor
)
Count = TypeVar("Count", int, Tensor)


class _Frames(Protocol):
    def __call__(self, config: PreTrainedConfig, inputs: Count) -> Count: ...


@dataclass(frozen=True)
class Frontend:
    """What a family's feature extractor and first layers make of a recording.

    input_name: what the feature extractor calls its result, and the model its input. feature_extractor: one for a
    model that was saved without. inputs: samples, or log-mel frames, for a number of samples. frames: the model's
    output frames for a number, or a tensor of numbers, of these inputs; below 1 for less than the receptive field.
    width: features in one input, None for samples.
    """

    input_name: str
    feature_extractor: Callable[[PreTrainedConfig], FeatureExtractor]
    inputs: Callable[[PreTrainedConfig, int], int]
    frames: _Frames
    width: Callable[[PreTrainedConfig], int] | None = None

    def shape(self, config: PreTrainedConfig, samples: int) -> tuple[int, ...]:
        """Of a single clip: `(samples,)` or `(frames, features)`."""
        return (self.inputs(config, samples), *((self.width(config),) if self.width else ()))


def encoder_config(config: PreTrainedConfig) -> PreTrainedConfig:
    """The part of a configuration that describes the encoder: some families keep it apart from the head's."""
    return getattr(config, "encoder_config", config)


def _plain_waveform(config: PreTrainedConfig) -> Wav2Vec2FeatureExtractor:
    # The layer-norm variants want normalised waveforms, and to the others, which have a norm after their first layer,
    # it makes little difference.
    return Wav2Vec2FeatureExtractor(sampling_rate=RATE, do_normalize=True, return_attention_mask=True)


def _convolved(config: PreTrainedConfig, inputs: Count) -> Count:
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        inputs = (inputs - kernel) // stride + 1
    return inputs


def _parakeet_frames(config: PreTrainedConfig, inputs: Count) -> Count:
    # Behind the clip's own frames the feature extractor puts one that its mask leaves out. transformers' pipeline reads
    # what the model says there all the same, and so it is trained and read here as well.
    inputs = inputs + 1
    encoder = encoder_config(config)
    kernel, stride = encoder.subsampling_conv_kernel_size, encoder.subsampling_conv_stride
    for _ in range(round(math.log2(encoder.subsampling_factor))):
        inputs = (inputs + (kernel - 1) // 2 * 2 - kernel) // stride + 1
    return inputs


def _lasr_frames(config: PreTrainedConfig, inputs: Count) -> Count:
    encoder = encoder_config(config)
    for _ in range(2):
        inputs = (inputs - encoder.subsampling_conv_kernel_size) // encoder.subsampling_conv_stride + 1
    return inputs


# Windows of 25 ms every 10 ms, as all three log-mel extractors have them.
_WINDOW, _HOP = 400, 160

_BANDS = 80


def _stride(config: PreTrainedConfig) -> int:
    """How many frames w2v-BERT's extractor joins to one: two, unless the model was made for another number."""
    return max(1, config.feature_projection_input_dim // _BANDS)


WAVEFORM = Frontend("input_values", _plain_waveform, lambda _, samples: samples, _convolved)
SEAMLESS = Frontend(
    "input_features",
    lambda config: SeamlessM4TFeatureExtractor(sampling_rate=RATE, padding_value=0.0, stride=_stride(config)),
    lambda config, samples: joined((samples - _WINDOW) // _HOP + 1, _stride(config)),
    lambda config, inputs: inputs,
    lambda config: config.feature_projection_input_dim,
)
PARAKEET = Frontend(
    "input_features",
    lambda config: ParakeetFeatureExtractor(feature_size=encoder_config(config).num_mel_bins),
    lambda _, samples: samples // _HOP,
    _parakeet_frames,
    lambda config: encoder_config(config).num_mel_bins,
)
LASR = Frontend(
    "input_features",
    lambda config: LasrFeatureExtractor(feature_size=encoder_config(config).num_mel_bins),
    lambda _, samples: (samples - _WINDOW) // _HOP + 1,
    _lasr_frames,
    lambda config: encoder_config(config).num_mel_bins,
)

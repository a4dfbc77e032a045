"""From recordings to what a model is fed, and to the frames that it answers with."""

from __future__ import annotations

from typing import TypeAlias, TypeVar

from torch import Tensor, nn
from transformers import PreTrainedConfig, SeamlessM4TFeatureExtractor, Wav2Vec2FeatureExtractor

from hf_speech_tl.audio import RATE
from hf_speech_tl.models.families import FAMILIES

FeatureExtractor: TypeAlias = Wav2Vec2FeatureExtractor | SeamlessM4TFeatureExtractor
Samples = TypeVar("Samples", int, Tensor)

# SeamlessM4TFeatureExtractor, which feeds w2v-BERT: windows of 25 ms every 10 ms, joined two by two.
_WINDOW, _HOP, _JOINED = 400, 160, 2


def frame_count(config: PreTrainedConfig, samples: Samples) -> Samples:
    """Output frames for a number of samples, or for a tensor of them; below 1 for less than the receptive field."""
    if _hears_features(config):
        return ((samples - _WINDOW) // _HOP + 1) // _JOINED
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        samples = (samples - kernel) // stride + 1
    return samples


def input_name(config: PreTrainedConfig) -> str:
    """What the feature extractor calls its result, and the model its input."""
    return "input_features" if _hears_features(config) else "input_values"


def logits_of(model: nn.Module, config: PreTrainedConfig, inputs: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Logits `(batch, frames, symbols)` of a padded batch, and how many frames of each clip count, `(batch,)`.

    inputs: `(batch, samples)`, or `(batch, frames, features)` of a family that hears log-mel; mask: 1 where they are a
    clip's own, `(batch, samples or frames)`. config: the model's, which may be wrapped.
    """
    logits = model(**{input_name(config): inputs}, attention_mask=mask).logits
    lengths = mask.sum(-1)
    return logits, lengths if _hears_features(config) else frame_count(config, lengths)


def plain_feature_extractor(config: PreTrainedConfig) -> FeatureExtractor:
    """The feature extractor of a bare encoder that was saved without one.

    The layer-norm variants of the waveform families want normalised waveforms, and to the others, which have a norm
    after their first layer, it makes little difference.
    """
    if _hears_features(config):
        return SeamlessM4TFeatureExtractor(sampling_rate=RATE, padding_value=0.0)
    return Wav2Vec2FeatureExtractor(sampling_rate=RATE, do_normalize=True, return_attention_mask=True)


def _hears_features(config: PreTrainedConfig) -> bool:
    return FAMILIES[config.model_type].hears == "log-mel"

"""What w2v-BERT hears, beside what the extractor of transformers makes of the same clips."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import tiny_model
from transformers import SeamlessM4TFeatureExtractor

from hf_speech_tl.models import frame_count, logits_of, pad
from hf_speech_tl.models.frames import plain_feature_extractor

_LENGTHS = (560, 719, 720, 880, 1040, 1200, 1333, 5000, 16_000, 16_160, 16_320, 16_480)


def _clip(samples: int) -> np.ndarray:
    return np.random.default_rng(samples).standard_normal(samples).astype(np.float32) / 10


@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("samples", _LENGTHS)
def test_a_clip_alone_is_what_transformers_makes_of_it(stride: int, samples: int) -> None:
    extractor = SeamlessM4TFeatureExtractor(stride=stride)
    wanted = extractor(_clip(samples), sampling_rate=16_000, return_tensors="pt")
    inputs, mask = pad(extractor, [_clip(samples)])
    count = int(mask.sum())
    assert count == wanted["attention_mask"].sum()
    torch.testing.assert_close(inputs[0, :count], wanted["input_features"][0, :count], atol=1e-3, rtol=0)


@pytest.mark.parametrize("stride", [2, 4])
def test_a_clip_is_the_same_whatever_it_is_batched_with(stride: int) -> None:
    extractor = SeamlessM4TFeatureExtractor(stride=stride)
    inputs, mask = pad(extractor, [_clip(samples) for samples in _LENGTHS])
    for row, samples in enumerate(_LENGTHS):
        alone, own = pad(extractor, [_clip(samples)])
        count = int(own.sum())
        assert mask[row].sum() == count and mask[row, :count].all()
        assert torch.equal(inputs[row, :count], alone[0, :count])


def test_silence_has_no_bands() -> None:
    inputs, _ = pad(SeamlessM4TFeatureExtractor(), [np.zeros(16_000, np.float32)])
    assert inputs.abs().max() < 1e-5


@pytest.mark.parametrize("width", [160, 320])
def test_frames_are_counted_as_the_model_makes_them(width: int) -> None:
    model = tiny_model("wav2vec2-bert", feature_projection_input_dim=width).eval()
    extractor = plain_feature_extractor(model.config)
    for samples in _LENGTHS[2:]:
        inputs, mask = pad(extractor, [_clip(samples)])
        with torch.inference_mode():
            _, counts = logits_of(model, model.config, inputs, mask)
        assert counts.tolist() == [frame_count(model.config, samples)]

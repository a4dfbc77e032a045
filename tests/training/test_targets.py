from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import FAMILIES, RATE, save_tiny, tiny_model

from hf_speech_tl.audio import cepstra
from hf_speech_tl.models import frame_count, frame_middles, load_layer
from hf_speech_tl.training import TargetStates

CPU = torch.device("cpu")
# Half as many frames a second as the tiny models' own, each hearing more of the clip.
SLOWER = tiny_model(conv_kernel=(200, 16, 8), conv_stride=(20, 8, 4)).config


def clip_of(samples: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("samples", [1_700, 5_000, 5_100, RATE])
def test_there_is_a_target_for_every_frame(family: str, samples: int) -> None:
    config = tiny_model(family).config
    (states,) = TargetStates(config)([clip_of(samples)])
    assert states.shape == (frame_count(config, samples), 39) and states.dtype == np.float32


def test_middles_are_where_the_convolutions_say() -> None:
    config = tiny_model().config  # 20 samples, 16 of these every 10, 8 of these every 80
    field = 20 + 15 * 10 + 7 * 80
    assert frame_middles(config, field + 3 * 320).tolist() == [field / 2 + at * 320 for at in range(4)]
    # w2v-BERT joins windows of 400 samples, 160 apart, two by two.
    assert frame_middles(tiny_model("wav2vec2-bert").config, 1_000).tolist() == [280, 600]


@pytest.mark.parametrize("config", [tiny_model().config, SLOWER])
def test_a_frame_learns_the_cepstra_at_its_middle(config) -> None:
    clip = clip_of(20_000)
    whole = cepstra(clip)
    (states,) = TargetStates(config)([clip])
    for state, middle in zip(states, frame_middles(config, len(clip)), strict=True):
        (at,) = np.flatnonzero((whole == state).all(axis=1))
        assert abs(at * 160 + 200 - middle) <= 80


def test_the_fingerprint_tells_apart_what_differs(tmp_path) -> None:
    layer = load_layer(str(save_tiny(tmp_path)), SLOWER, CPU, torch.float32)
    made = [TargetStates(tiny_model().config), TargetStates(SLOWER), TargetStates(SLOWER, layer)]
    assert len({one.fingerprint() for one in made}) == 3
    assert TargetStates(tiny_model(hidden_size=32).config).fingerprint() == made[0].fingerprint()

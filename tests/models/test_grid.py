import numpy as np
import pytest
from tiny import tiny_model

from hf_speech_tl.models import frame_count
from hf_speech_tl.models.grid import Grid


def test_a_grid_is_that_of_the_strides_and_the_receptive_field() -> None:
    # Kernels 20, 16, 8 and strides 10, 8, 4: a receptive field of 20 + 15 * 10 + 7 * 80 samples.
    assert Grid.of(tiny_model().config) == Grid(730 / 2, 320.0)
    half = tiny_model(conv_stride=(20, 8, 4)).config
    assert Grid.of(half).step == 640.0


def test_frames_of_half_the_rate_are_means_of_two() -> None:
    states = np.arange(20, dtype=np.float32).reshape(10, 2)
    found = Grid(160.0, 320.0).average(states, Grid(320.0, 640.0), 5)
    np.testing.assert_allclose(found, (states[0::2] + states[1::2]) / 2)


def test_where_the_teacher_ends_before_or_is_slower_the_nearest_frame_stands_in() -> None:
    states = np.arange(3, dtype=np.float32)[:, None]
    same = Grid(0.0, 320.0)
    assert same.average(states, same, 5)[:, 0].tolist() == [0, 1, 2, 2, 2]
    assert Grid(0.0, 960.0).average(states, same, 7)[:, 0].tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert same.average(states, same, 0).shape == (0, 1)


@pytest.mark.parametrize("samples", [5_000, 16_000, 40_123])
def test_a_model_s_own_frames_stay_as_they_are(samples: int) -> None:
    config = tiny_model().config
    count = frame_count(config, samples)
    states = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32)
    grid = Grid.of(config)
    np.testing.assert_allclose(grid.average(states, grid, count), states, rtol=1e-6)

from __future__ import annotations

import math

import numpy as np
import pytest

from hf_speech_tl.audio import RATE, cepstra


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


def slowly(samples: np.ndarray) -> np.ndarray:
    """The first 13 of every frame, number by number as the formulas have them."""
    mel = lambda hertz: 1127 * math.log(1 + hertz / 700)  # noqa: E731
    low, high = mel(20), mel(8000)
    step = (high - low) / 24
    rows = []
    for begin in range(0, len(samples) - 399, 160):
        window = samples[begin : begin + 400].astype(float)
        window -= window.mean()
        window = np.array([window[at] - 0.97 * window[max(0, at - 1)] for at in range(400)])
        window *= [(0.5 - 0.5 * math.cos(2 * math.pi * at / 399)) ** 0.85 for at in range(400)]
        energies = np.zeros(23)
        for line in range(257):
            wave = np.exp(-2j * math.pi * line / 512 * np.arange(400))
            power = abs((window * wave).sum()) ** 2
            for band in range(23):
                energies[band] += power * max(0.0, 1 - abs(mel(line * RATE / 512) - low - step * (band + 1)) / step)
        logs = np.log(energies + 1e-8)
        row = []
        for order in range(13):
            total = sum(logs[band] * math.cos(math.pi / 23 * (band + 0.5) * order) for band in range(23))
            total *= math.sqrt((1 if order == 0 else 2) / 23)
            row.append(total * (1 + 11 * math.sin(math.pi * order / 22)))
        rows.append(row)
    return np.array(rows) - np.mean(rows, axis=0)


def test_they_are_what_the_formulas_say() -> None:
    samples = noise(1_000)
    found = cepstra(samples)
    assert found.shape == (4, 39) and found.dtype == np.float32
    np.testing.assert_allclose(found[:, :13], slowly(samples), atol=2e-3)


def test_differences_are_slopes_over_five_frames() -> None:
    found = cepstra(noise(4_000))
    at = np.arange(-2, 3)
    for place in (5, 12):
        for width in (13, 26):
            window = found[place - 2 : place + 3, width - 13 : width]
            slope = (at[:, None] * window).sum(0) / 10
            np.testing.assert_allclose(found[place, width : width + 13], slope, atol=1e-4)


@pytest.mark.parametrize(("samples", "frames"), [(1, 1), (399, 1), (400, 1), (559, 1), (560, 2), (RATE, 98)])
def test_a_window_of_25_ms_every_10_ms(samples: int, frames: int) -> None:
    assert cepstra(noise(samples)).shape == (frames, 39)


def test_loudness_is_not_heard() -> None:
    samples = noise(RATE)
    np.testing.assert_allclose(cepstra(samples), cepstra(samples * 0.1), atol=1e-2)


def test_digital_silence_is_finite() -> None:
    assert np.abs(cepstra(np.zeros(2_000, np.float32))).max() < 1e-4

from __future__ import annotations

import numpy as np

from hf_speech_tl.audio.resample import RATE, resample


def test_nothing_is_done_at_the_rate_itself() -> None:
    samples = np.random.default_rng(0).normal(size=100).astype("float32")
    assert resample(samples, RATE) is samples


def test_what_lies_above_the_new_band_does_not_fold_into_it() -> None:
    high = np.sin(2 * np.pi * 12_000 * np.arange(48_000) / 48_000).astype("float32")
    low = resample(high, 48_000)
    assert low.dtype == np.float32
    assert len(low) == RATE
    assert np.abs(low[1_000:-1_000]).max() < 1e-3

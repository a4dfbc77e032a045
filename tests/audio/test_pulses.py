"""Samples in 16 bits: nothing is lost on the way back, and what is too loud is clipped."""

from __future__ import annotations

import numpy as np

from hf_speech_tl.audio import from_pulses, to_pulses


def test_sixteen_bits_come_back_as_they_were() -> None:
    pulses = np.arange(-32767, 32768).astype(np.int16)
    samples = from_pulses(pulses)
    assert samples.dtype == np.float32 and (samples.min(), samples.max()) == (-1.0, 1.0)
    assert np.array_equal(to_pulses(samples), pulses)


def test_louder_than_full_scale_is_clipped() -> None:
    assert to_pulses(np.array([-1.5, 0.0, 1.5], np.float32)).tolist() == [-32767, 0, 32767]

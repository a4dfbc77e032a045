"""Samples in 16 bits, by which a clip is known, kept in memory and written down: half the room of float32."""

from __future__ import annotations

import numpy as np

_FULL_SCALE = 32767


def to_pulses(samples: np.ndarray) -> np.ndarray:
    """Samples `(samples,)`, of which 1 is full scale, as int16; louder ones are clipped."""
    return np.rint(np.clip(samples, -1, 1) * _FULL_SCALE).astype(np.int16)


def from_pulses(pulses: np.ndarray) -> np.ndarray:
    """What `to_pulses` made, `(samples,)`, as float32."""
    return pulses.astype(np.float32) / _FULL_SCALE

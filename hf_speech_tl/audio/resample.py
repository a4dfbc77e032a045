"""From the rate of the recording to the one rate that every model here hears."""

from __future__ import annotations

import numpy as np
import soxr

RATE = 16_000  # samples a second: what every pretrained speech encoder of the supported families was trained on


def resample(samples: np.ndarray, rate: int) -> np.ndarray:
    """`samples` float32 `(samples,)` at `rate` Hz, brought to 16 kHz.

    Quality HQ of soxr (20 bits): its noise lies under that of any 16-bit recording, VHQ takes longer for nothing.
    """
    return samples if rate == RATE else soxr.resample(samples, rate, RATE, quality="HQ")

"""Where the frames of a model lie in time, so that those of one can be told of by those of another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedConfig

from hf_speech_tl.audio import RATE
from hf_speech_tl.models.frames import frame_middles, frame_rate


@dataclass(frozen=True)
class Grid:
    """The middle of frame i lies at `first + i * step`, in samples of 16 kHz."""

    first: float
    step: float

    @classmethod
    def of(cls, config: PreTrainedConfig) -> Grid:
        """That of a model."""
        return cls(float(frame_middles(config, RATE)[0]), RATE / frame_rate(config))

    def average(self, states: np.ndarray, wanted: Grid, frames: int) -> np.ndarray:
        """States of this grid `(any, width)` as `frames` frames of another, float32 `(frames, width)`.

        Each is the mean of those whose middles lie within the step around its own. Where none does, because this grid
        is the wider one or because a longer receptive field ends it before the other, it is the nearest.
        """
        middles = wanted.first + wanted.step * np.arange(frames)
        edges = ((middles[:, None] + (-wanted.step / 2, wanted.step / 2)) - self.first) / self.step
        begin, end = np.clip(np.ceil(edges), 0, len(states)).astype(int).T
        nearest = np.clip(np.rint((middles - self.first) / self.step), 0, len(states) - 1).astype(int)
        begin, end = np.where(end > begin, begin, nearest), np.where(end > begin, end, nearest + 1)
        sums = np.concatenate([np.zeros((1, states.shape[1])), np.cumsum(states, axis=0, dtype=np.float64)])
        return ((sums[end] - sums[begin]) / (end - begin)[:, None]).astype(np.float32)

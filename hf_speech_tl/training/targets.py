"""What clusters are made of: features of a clip, one for each frame of the model that learns to predict them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
from transformers import PreTrainedConfig

from hf_speech_tl.audio import RATE, cepstra, cepstra_middles
from hf_speech_tl.models import Teacher, frame_middles

_CEPSTRA = "cepstra 1"  # the number changes whenever other cepstra are made of the same samples


class TargetStates:
    """Cepstra, or the states of another model's layer, in the frames of a model of the configuration `learner`.

    Whatever the frame rates, a frame gets the cepstra whose middle is nearest in time to its own.
    """

    def __init__(self, learner: PreTrainedConfig, layer: Teacher | None = None) -> None:
        """layer: a teacher of the same frames."""
        self._learner = learner
        self._layer = layer

    def __call__(self, clips: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
        """Of each clip `(samples,)` at 16 kHz, in their order: float32 `(frames, width)`, as many as
        `models.frame_count` says."""
        return self._layer(clips) if self._layer else map(self._cepstra, clips)

    def fingerprint(self) -> str:
        """A hash of all that decides what is made of a clip."""
        if self._layer:
            return self._layer.fingerprint()
        frames = frame_middles(self._learner, RATE)[:2].tolist()
        return hashlib.blake2b(repr([_CEPSTRA, frames]).encode(), digest_size=16).hexdigest()

    def _cepstra(self, clip: np.ndarray) -> np.ndarray:
        states = cepstra(clip)
        nearest = np.interp(
            frame_middles(self._learner, len(clip)), cepstra_middles(len(states)), np.arange(len(states))
        )
        return states[np.rint(nearest).astype(int)]

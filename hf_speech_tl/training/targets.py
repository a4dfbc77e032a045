"""What clusters are made of: features of a clip, one for each frame of the model that learns to predict them."""

from __future__ import annotations

import hashlib

import numpy as np
from transformers import PreTrainedConfig

from hf_speech_tl.audio import RATE, cepstra, cepstra_middles
from hf_speech_tl.models import LayerStates, frame_middles

_CEPSTRA = "cepstra 1"  # the number changes whenever other cepstra are made of the same samples


class TargetStates:
    """Cepstra, or the states of another model's layer, in the frames of a model of the configuration `learner`.

    Whatever the frame rates, a frame gets the features whose middle is nearest in time to its own.
    """

    def __init__(self, learner: PreTrainedConfig, layer: LayerStates | None = None) -> None:
        self._learner = learner
        self._layer = layer

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Of a clip `(samples,)` at 16 kHz: float32 `(frames, width)`, as many frames as `models.frame_count` says."""
        if self._layer is None:
            states = cepstra(samples)
            middles = cepstra_middles(len(states))
        else:
            states, middles = self._layer(samples), self._layer.middles(len(samples))
        nearest = np.interp(frame_middles(self._learner, len(samples)), middles, np.arange(len(states)))
        return states[np.rint(nearest).astype(int)]

    def fingerprint(self) -> str:
        """A hash of all that decides what is made of a clip."""
        made = self._layer.fingerprint() if self._layer else _CEPSTRA
        frames = frame_middles(self._learner, RATE)[:2].tolist()
        return hashlib.blake2b(repr([made, frames]).encode(), digest_size=16).hexdigest()

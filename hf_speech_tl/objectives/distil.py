"""Distillation of a larger encoder's layers: DistilHuBERT (Chang et al. 2022, arXiv:2110.01900)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedConfig, PreTrainedModel

from hf_speech_tl.models import frames_of_mask, states_of


@dataclass(frozen=True)
class Spread:
    """Of each value of a teacher's states its mean and its standard deviation over frames: `(layers * width,)`,
    float32."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, clips: Iterable[np.ndarray]) -> Spread:
        """clips: the states of each, `(frames, layers * width)`. A value that never changes has deviation 1."""
        count, total, squares = 0, np.zeros(()), np.zeros(())
        for states in clips:
            values = states.astype(np.float64)
            count += len(values)
            total = total + values.sum(0)
            squares = squares + (values**2).sum(0)
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
        still = deviation <= 1e-6 * (1 + np.abs(mean))
        return cls(np.asarray(mean, np.float32), np.where(still, 1, deviation).astype(np.float32))


class Distillation(nn.Module):
    """An encoder that learns to predict what chosen layers of a teacher make of the same audio.

    On the encoder's states stands a linear head a layer. The loss of a frame is the mean absolute difference to the
    teacher's state and the negative log-sigmoid of the cosine to it, both with weight 1, averaged over the layers.
    What is predicted of a value is how far it is from its mean, in its own deviations: in Whisper a few values are far
    larger than all others and hardly change, so that a constant would have most of the loss.
    """

    def __init__(
        self, encoder: PreTrainedModel, layers: int, spread: Spread, *, student_layer: int | None = None
    ) -> None:
        """encoder: a base model without a head. layers: how many of the teacher's are taught, side by side in `spread`.

        student_layer: on whose states the heads stand, counted from 1; None for what the encoder gives as a whole.
        """
        super().__init__()
        width = len(spread.mean) // layers
        self.register_buffer("_mean", torch.from_numpy(spread.mean))
        self.register_buffer("_deviation", torch.from_numpy(spread.deviation))
        self.encoder = encoder
        self.heads = nn.Linear(encoder.config.hidden_size, layers * width)  # side by side, a row a value
        self._mean: Tensor
        self._deviation: Tensor
        self._layers = layers
        self._student_layer = student_layer

    @property
    def config(self) -> PreTrainedConfig:
        """The encoder's."""
        return self.encoder.config

    def forward(self, batch: dict[str, Any]) -> Tensor:
        """Each utterance's loss, `(batch,)`: summed over its own frames, float32.

        batch: inputs `(batch, samples)` or `(batch, frames, features)`; attention_mask, 1 where they are a clip's own;
        targets `(batch, frames, layers * width)`, the layers' states side by side, one frame a frame of the encoder.
        """
        states, _ = states_of(
            self.encoder, self.config, batch["inputs"], batch["attention_mask"], layer=self._student_layer
        )
        # A padded batch may come out a frame longer than the longest of its clips does alone.
        frames = min(states.shape[1], batch["targets"].shape[1])
        predicted = self.heads(states[:, :frames]).float().unflatten(-1, (self._layers, -1))
        wanted = ((batch["targets"][:, :frames].float() - self._mean) / self._deviation).unflatten(
            -1, (self._layers, -1)
        )
        with torch.autocast(states.device.type, enabled=False):
            difference = (predicted - wanted).abs().mean(-1)
            likeness = functional.cosine_similarity(predicted, wanted, dim=-1)
            losses = (difference - functional.logsigmoid(likeness)).mean(-1)
        own = torch.arange(frames, device=losses.device) < self._counts(batch)[:, None]
        return losses.masked_fill(~own, 0.0).sum(-1)

    def count(self, batch: dict[str, Any]) -> int:
        """How many frames a step's sum is divided by: all that are not padding."""
        return int(self._counts(batch).clamp(min=0, max=batch["targets"].shape[1]).sum())

    def _counts(self, batch: dict[str, Any]) -> Tensor:
        return frames_of_mask(self.config, batch["attention_mask"])

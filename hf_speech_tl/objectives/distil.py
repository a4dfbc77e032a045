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
        states, wanted, own = self._heard(batch)
        predicted = self.heads(states).float().unflatten(-1, (self._layers, -1))
        wanted = wanted.unflatten(-1, (self._layers, -1))
        with torch.autocast(states.device.type, enabled=False):
            difference = (predicted - wanted).abs().mean(-1)
            likeness = functional.cosine_similarity(predicted, wanted, dim=-1)
            losses = (difference - functional.logsigmoid(likeness)).mean(-1)
        return losses.masked_fill(~own, 0.0).sum(-1)

    @torch.no_grad()
    def fit_heads(self, batches: Iterable[dict[str, Any]]) -> None:
        """Let the heads predict as well as a linear layer can: by ridge regression over all frames of these batches.

        For an encoder that has learnt something already, from which random heads would take some of it again.
        """
        heard = (self._heard(batch) for batch in batches)
        weight, bias = _ridge((states[own], wanted[own]) for states, wanted, own in heard)
        self.heads.weight.copy_(weight)
        self.heads.bias.copy_(bias)

    def _heard(self, batch: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
        """The encoder's states of a batch, `(batch, frames, width)`, what is to be predicted of them, `(batch, frames,
        values)`, and which frames are a clip's own, `(batch, frames)`."""
        states, _ = states_of(
            self.encoder, self.config, batch["inputs"], batch["attention_mask"], layer=self._student_layer
        )
        # A padded batch may come out a frame longer than the longest of its clips does alone.
        frames = min(states.shape[1], batch["targets"].shape[1])
        wanted = (batch["targets"][:, :frames].float() - self._mean) / self._deviation
        own = torch.arange(frames, device=states.device) < self._counts(batch)[:, None]
        return states[:, :frames], wanted, own

    def count(self, batch: dict[str, Any]) -> int:
        """How many frames a step's sum is divided by: all that are not padding."""
        return int(self._counts(batch).clamp(min=0, max=batch["targets"].shape[1]).sum())

    def _counts(self, batch: dict[str, Any]) -> Tensor:
        return frames_of_mask(self.config, batch["attention_mask"])


def _ridge(pairs: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Weight `(values, width)` and bias `(values,)`, float32, by which states predict values, with the least squares.

    pairs: states `(frames, width)` and values `(frames, values)`, together a frame at least. A weight costs as much as
    if there were one more frame for each of a state's numbers that it does nothing for: of many frames hardly anything,
    and fewer frames than numbers do not end in large weights.
    """
    squares, products = torch.zeros(()), torch.zeros(())
    for states, values in pairs:
        # With a one beside them, the last row has the sums and how many there are.
        ours = functional.pad(states.cpu().double(), (0, 1), value=1.0)
        squares, products = squares + ours.T @ ours, products + ours.T @ values.cpu().double()
    count, mean, centre = squares[-1, -1], squares[-1, :-1] / squares[-1, -1], products[-1] / squares[-1, -1]
    spread = squares[:-1, :-1] - count * torch.outer(mean, mean)
    cost = len(mean) * (spread.diagonal() / count).clamp(min=1e-6)
    weight = torch.linalg.solve(spread + cost.diag(), products[:-1] - count * torch.outer(mean, centre)).T
    return weight.float(), (centre - weight @ mean).float()

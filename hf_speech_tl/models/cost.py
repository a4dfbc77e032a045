"""What a model costs: parameters, multiply-adds, and the memory and disk that training it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from peft import PeftModel
from torch import nn

from hf_speech_tl.models.rehearsal import rehearse

_WEIGHT_BYTES = 4  # weights, gradients and moments are float32
_LENGTHS = (10.0, 20.0)  # seconds of the clips by which is told how costs grow with the length


@dataclass(frozen=True)
class Growth:
    """What a clip of s seconds takes: `linear * s + square * s**2`."""

    linear: float
    square: float

    def of(self, seconds: float) -> float:
        return self.linear * seconds + self.square * seconds**2


@dataclass(frozen=True)
class Cost:
    """Parameters in all and trained; bytes of all weights, of the gradients, and of the files of one run.

    multiply_adds: of the forward pass, for a second of audio in clips of 10 s. training, recognising: bytes that each
    holds of a clip beside weights, gradients and what the optimiser keeps. quadratic: the length in seconds at which
    the part that grows with the square, of training's memory or of the multiply-adds, is half of the whole; the shorter
    one.
    """

    parameters: int
    trained: int
    multiply_adds: float
    weights: int
    gradients: int
    disk: int
    training: Growth
    recognising: Growth
    quadratic: float


def cost_of(model: nn.Module) -> Cost:
    """Count by a rehearsal of the model as it is: frozen, adapted, checkpointed or not."""
    parameters = sum(parameter.numel() for parameter in model.parameters())
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    # Two checkpoints are kept while training, each with the optimiser's state and the best weights, and a third is
    # written beside them; when that is done with, the result.
    saved = trained if isinstance(model, PeftModel) else parameters
    checkpoint = (saved + 3 * trained) * _WEIGHT_BYTES
    passes = [rehearse(model, seconds) for seconds in _LENGTHS]
    training, multiplied = _growth([one.bytes for one in passes]), _growth([one.multiply_adds for one in passes])
    halves = [growth.linear / growth.square for growth in (training, multiplied) if growth.square > 0]
    return Cost(
        parameters=parameters,
        trained=trained,
        multiply_adds=passes[0].multiply_adds / _LENGTHS[0],
        weights=parameters * _WEIGHT_BYTES,
        gradients=trained * _WEIGHT_BYTES,
        disk=2 * checkpoint + max(checkpoint, parameters * _WEIGHT_BYTES),
        training=training,
        recognising=_growth([rehearse(model, seconds, backward=False).bytes for seconds in _LENGTHS]),
        quadratic=min(halves, default=float("inf")),
    )


def _growth(values: Sequence[float]) -> Growth:
    """That which has these values at the two lengths; its square part is not below 0."""
    (short, long), (at_short, at_long) = _LENGTHS, values
    square = max(0.0, (at_long / long - at_short / short) / (long - short))
    return Growth(at_long / long - square * long, square)

"""What a model costs: parameters, multiply-adds, and the memory and disk that training it takes."""

from __future__ import annotations

from dataclasses import dataclass

from peft import PeftModel
from torch import nn

from hf_speech_tl.models.rehearsal import rehearse

_WEIGHT_BYTES = 4  # weights, gradients and moments are float32
_LENGTHS = (10.0, 20.0)  # seconds of the clips by which is told how costs grow with the length


@dataclass(frozen=True)
class Cost:
    """Parameters in all and trained; bytes of all weights, of the gradients, and of the files of one run.

    multiply_adds: of the forward pass, for a second of audio in clips of 10 s. linear, square: bytes that training
    holds of a clip of s seconds beside these, `linear * s + square * s**2`. quadratic: the length in seconds at which
    the part that grows with the square, of this memory or of the multiply-adds, is half of the whole; the shorter one.
    recognising: bytes that recognising holds of a second of audio.
    """

    parameters: int
    trained: int
    multiply_adds: float
    weights: int
    gradients: int
    disk: int
    linear: float
    square: float
    quadratic: float
    recognising: float

    def activations(self, seconds: float) -> float:
        """Bytes that training holds of one clip, apart from weights, gradients and what the optimiser keeps."""
        return self.linear * seconds + self.square * seconds**2


def cost_of(model: nn.Module) -> Cost:
    """Count by a rehearsal of the model as it is: frozen, adapted, checkpointed or not."""
    parameters = sum(parameter.numel() for parameter in model.parameters())
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    # Two checkpoints are kept while training (the last and the best), each with its optimiser state, and a third is
    # written beside them; when that is done with, the result.
    saved = trained if isinstance(model, PeftModel) else parameters
    checkpoint = (saved + 2 * trained) * _WEIGHT_BYTES
    passes = [rehearse(model, seconds) for seconds in _LENGTHS]
    linear, square = _growth([float(one.bytes) for one in passes])
    multiplied = _growth([one.multiply_adds for one in passes])
    halves = [first / second for first, second in ((linear, square), multiplied) if second > 0]
    return Cost(
        parameters=parameters,
        trained=trained,
        multiply_adds=passes[0].multiply_adds / _LENGTHS[0],
        weights=parameters * _WEIGHT_BYTES,
        gradients=trained * _WEIGHT_BYTES,
        disk=2 * checkpoint + max(checkpoint, parameters * _WEIGHT_BYTES),
        linear=linear,
        square=square,
        quadratic=min(halves, default=float("inf")),
        recognising=rehearse(model, _LENGTHS[0], backward=False).bytes / _LENGTHS[0],
    )


def _growth(values: list[float]) -> tuple[float, float]:
    """a and b of `a * s + b * s**2`, which has these values at the two lengths; b is not below 0."""
    (short, long), (at_short, at_long) = _LENGTHS, values
    square = max(0.0, (at_long / long - at_short / short) / (long - short))
    return at_long / long - square * long, square

"""What a model costs: parameters, and the memory and disk that training it takes."""

from __future__ import annotations

from dataclasses import dataclass

from peft import PeftModel
from torch import nn

_ADAM_BYTES = 16  # float32 weight, gradient and two moments
_WEIGHT_BYTES = 4


@dataclass(frozen=True)
class Cost:
    """Parameters in all and trained; bytes of weights with optimiser state, and of the files of one run."""

    parameters: int
    trained: int
    memory: int
    disk: int


def cost_of(model: nn.Module) -> Cost:
    """Activations are not counted: they depend on the batch and are measured, not guessed."""
    parameters = sum(parameter.numel() for parameter in model.parameters())
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    memory = parameters * _WEIGHT_BYTES + trained * (_ADAM_BYTES - _WEIGHT_BYTES)
    # Two checkpoints are kept while training (the last and the best), each with its optimiser state, and a third is
    # written beside them; when that is done with, the result.
    saved = trained if isinstance(model, PeftModel) else parameters
    checkpoint = (saved + 2 * trained) * _WEIGHT_BYTES
    return Cost(parameters, trained, memory, 2 * checkpoint + max(checkpoint, parameters * _WEIGHT_BYTES))

"""Parts of a model that pass on what they made of a clip before, and still make it of a clip."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput

# What a part made of a clip before is handed to the model in half precision, which no model gets otherwise: weights are
# float32 here, and precision is autocast's. The type is the mark by which a module knows it.
MADE = torch.float16


class Part(nn.Module, ABC):
    """A first part of a model that can run alone.

    end: what of the model it ends with, in words.
    """

    end: str

    @abstractmethod
    def make(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """What it makes of a batch with its attention mask: `(batch, frames, width)`."""


class PassingEncoder(Part):
    """A feature encoder that passes on features `(batch, frames, channels)`, and encodes samples `(batch, samples)`.

    quick: does the same with samples, where there is something sooner. marked: what it passes on keeps its mark, as it
    is something that was made further up.
    """

    end = "the last frozen convolution"
    quick: Callable[[Tensor], Tensor] | None
    marked: bool

    def forward(self, inputs: Tensor) -> Tensor:
        if inputs.dtype == MADE:
            return (inputs if self.marked else inputs.float()).transpose(1, 2)
        return self.quick(inputs) if self.quick else super().forward(inputs)

    def make(self, inputs: Tensor, mask: Tensor) -> Tensor:
        return self(inputs).transpose(1, 2)


class PassingModel(Part):
    """A whole model below the head that passes on its own last layer's states `(batch, frames, width)`."""

    end = "all below the head"

    def forward(self, *inputs: Tensor, **named: Any) -> Any:
        given = inputs[0] if inputs else named[str(self.main_input_name)]
        return BaseModelOutput(given.float()) if given.dtype == MADE else super().forward(*inputs, **named)

    def make(self, inputs: Tensor, mask: Tensor) -> Tensor:
        return self(inputs, attention_mask=mask)[0]


def passing(module: nn.Module, kind: type[nn.Module]) -> nn.Module:
    """Make `module` one of `kind`, in place: its weights keep their names, and what is around it stays."""
    if not isinstance(module, kind):
        module.__class__ = type(f"Passing{type(module).__name__}", (kind, type(module)), {})
    return module

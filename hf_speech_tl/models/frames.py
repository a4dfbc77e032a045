"""How many frames the convolutions make of a clip."""

from __future__ import annotations

from typing import TypeVar

from torch import Tensor
from transformers import PreTrainedConfig

Samples = TypeVar("Samples", int, Tensor)


def frame_count(config: PreTrainedConfig, samples: Samples) -> Samples:
    """Output frames for a number of samples, or for a tensor of them; below 1 for less than the receptive field."""
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        samples = (samples - kernel) // stride + 1
    return samples

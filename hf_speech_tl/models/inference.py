"""A model as it answers fastest: the same function of its input, computed with less moving of memory."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from transformers import PreTrainedModel

# Samples that go through the convolutions at once: the 512 channels of the first layers then stay in the cache. Two
# seconds were faster than one, four or eight.
_TOGETHER = 32_000


@dataclass(frozen=True)
class _Layer:
    """A convolution as a product of matrices, and what follows it. matrix: `(kernel x channels in, channels out)`."""

    kernel: int
    stride: int
    matrix: Tensor
    bias: Tensor | None
    norm: nn.Module
    activation: nn.Module


def for_inference(model: PreTrainedModel, dtype: torch.dtype) -> PreTrainedModel:
    """A copy of `model` for inference in `dtype` that shares its weights; the model itself stays as it is.

    The copy does not drop out, and holds its weight-normalised convolutions multiplied out. On a CPU in float32 the
    convolutions over the waveform become products of matrices; logits differ by rounding.
    """
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    copied = copy.deepcopy(model, shared).eval()
    for module in list(copied.modules()):
        if isinstance(module, nn.Conv1d) and parametrize.is_parametrized(module, "weight"):
            # torch would take the parametrization from the class, which the original has too.
            multiplied = partial(module._conv_forward, weight=module.weight.detach(), bias=module.bias)
            setattr(module, "forward", multiplied)  # noqa: B010 (mypy would not have it otherwise)
        elif quick := quick_encoder(module, model.device, dtype):
            setattr(module, "forward", quick)  # noqa: B010
    return copied


def quick_encoder(module: nn.Module, device: torch.device, dtype: torch.dtype) -> Callable[[Tensor], Tensor] | None:
    """What does the same as a feature encoder, with the weights that it has now and no gradient, but sooner.

    None for other modules, for convolutions of a shape that is not known, and where it would not be sooner.
    """
    layers = getattr(module, "conv_layers", None)
    if device.type != "cpu" or dtype != torch.float32 or not isinstance(layers, nn.ModuleList):
        return None
    read = [_read(layer) for layer in layers]
    plain = [layer for layer in read if layer is not None]
    return partial(_encode, plain) if len(plain) == len(read) else None


def _read(layer: nn.Module) -> _Layer | None:
    """None for anything but a convolution without padding, perhaps a norm of each frame, and an activation."""
    conv, norm = getattr(layer, "conv", None), getattr(layer, "layer_norm", nn.Identity())
    if not isinstance(conv, nn.Conv1d) or not isinstance(norm, nn.LayerNorm | nn.Identity):
        return None
    if conv.padding != (0,) or conv.dilation != (1,) or conv.groups != 1:
        return None
    matrix = conv.weight.detach().permute(2, 1, 0).reshape(-1, conv.out_channels).contiguous()
    activation = layer.get_submodule("activation")
    return _Layer(conv.kernel_size[0], conv.stride[0], matrix, conv.bias, norm, activation)


@torch.no_grad()
def _encode(layers: Sequence[_Layer], waveform: Tensor) -> Tensor:
    """As a feature encoder of transformers: `(batch, samples)` to `(batch, channels, frames)`.

    A few seconds at a time, which overlap by what the last frame of one piece hears of the next.
    """
    stride, field = 1, 1
    for layer in reversed(layers):
        stride, field = stride * layer.stride, (field - 1) * layer.stride + layer.kernel
    samples = waveform.shape[1]
    frames, step = (samples - field) // stride + 1, max(1, _TOGETHER // stride)
    encoded = []
    for clips in waveform.split(max(1, _TOGETHER // samples)):
        pieces = []
        for begin in range(0, frames, step):
            end = min(begin + step, frames)
            pieces.append(_convolve(layers, clips[:, begin * stride : (end - 1) * stride + field]))
        encoded.append(torch.cat(pieces, 1))
    return torch.cat(encoded).transpose(1, 2)


def _convolve(layers: Iterable[_Layer], waveform: Tensor) -> Tensor:
    """`(batch, samples)` to `(batch, frames, channels)`: channels last, so that all of a window lie side by side."""
    hidden = waveform.contiguous().unsqueeze(-1)
    for layer in layers:
        batch, length, channels = hidden.shape
        frames = (length - layer.kernel) // layer.stride + 1
        shape = (batch, frames, layer.kernel * channels)
        windows = hidden.as_strided(shape, (length * channels, layer.stride * channels, 1)).reshape(-1, shape[-1])
        bias, matrix = layer.bias, layer.matrix
        product = windows @ matrix if bias is None else torch.addmm(bias, windows, matrix)
        hidden = layer.activation(layer.norm(product.view(batch, frames, -1)))
    return hidden

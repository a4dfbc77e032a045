"""A model as it answers fastest: the same function of its input, computed with less moving of memory."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from transformers import PreTrainedModel

# Samples that go through the convolutions at once: the 512 channels of the first layers then stay in the cache. Two
# seconds were faster than one, four or eight.
_TOGETHER = 32_000


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
            module.forward = partial(module._conv_forward, weight=module.weight.detach(), bias=module.bias)
        layers = getattr(module, "conv_layers", None)
        if model.device.type == "cpu" and dtype == torch.float32 and layers and _is_plain(layers):
            module.forward = partial(_encode, list(layers), [_matrix(layer.conv) for layer in layers])
    return copied


def _is_plain(layers: Sequence[nn.Module]) -> bool:
    """Whether each layer is a convolution, perhaps a norm over the channels of each frame, and an activation."""
    return all(
        isinstance(getattr(layer, "conv", None), nn.Conv1d)
        and layer.conv.padding == (0,)
        and layer.conv.dilation == (1,)
        and layer.conv.groups == 1
        and isinstance(getattr(layer, "layer_norm", None), nn.LayerNorm | None)
        for layer in layers
    )


def _matrix(conv: nn.Conv1d) -> Tensor:
    """The kernels as `(kernel x channels in, channels out)`."""
    return conv.weight.detach().permute(2, 1, 0).reshape(-1, conv.out_channels).contiguous()


def _encode(layers: Sequence[nn.Module], matrices: Sequence[Tensor], waveform: Tensor) -> Tensor:
    """As a feature encoder of transformers: `(batch, samples)` to `(batch, channels, frames)`.

    A few seconds at a time, which overlap by what the last frame of one piece hears of the next.
    """
    stride, field = 1, 1
    for layer in reversed(layers):
        field = (field - 1) * layer.conv.stride[0] + layer.conv.kernel_size[0]
        stride *= layer.conv.stride[0]
    samples = waveform.shape[1]
    frames, step = (samples - field) // stride + 1, max(1, _TOGETHER // stride)
    encoded = []
    for clips in waveform.split(max(1, _TOGETHER // samples)):
        pieces = []
        for begin in range(0, frames, step):
            end = min(begin + step, frames)
            pieces.append(_convolve(layers, matrices, clips[:, begin * stride : (end - 1) * stride + field]))
        encoded.append(torch.cat(pieces, 1))
    return torch.cat(encoded).transpose(1, 2)


def _convolve(layers: Sequence[nn.Module], matrices: Sequence[Tensor], waveform: Tensor) -> Tensor:
    """`(batch, samples)` to `(batch, frames, channels)`: channels last, so that all of a window lie side by side."""
    hidden = waveform.contiguous().unsqueeze(-1)
    for layer, matrix in zip(layers, matrices, strict=True):
        (kernel,), (stride,) = layer.conv.kernel_size, layer.conv.stride
        batch, length, channels = hidden.shape
        frames = (length - kernel) // stride + 1
        shape, steps = (batch, frames, kernel * channels), (length * channels, stride * channels, 1)
        windows = hidden.as_strided(shape, steps).reshape(batch * frames, kernel * channels)
        bias = layer.conv.bias
        hidden = windows @ matrix if bias is None else torch.addmm(bias, windows, matrix)
        hidden = hidden.view(batch, frames, -1)
        if hasattr(layer, "layer_norm"):
            hidden = layer.layer_norm(hidden)
        hidden = layer.activation(hidden)
    return hidden

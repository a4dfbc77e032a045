"""The lowest layers of an encoder, with all that comes before them, as a part that need not run again for a clip.

The model itself goes on working out masks and positions, of which what it is given has the right number of frames.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from hf_speech_tl.models.depth import layers_of
from hf_speech_tl.models.frontends import encoder_config
from hf_speech_tl.models.passing import MADE, Part, PassingEncoder, passing

# Whether the highest of the frozen layers is to hand over what it made, in this thread.
_ALONE: ContextVar[bool] = ContextVar("_ALONE", default=False)


class LowerLayers(Part):
    """Runs the first part of a model up to the highest frozen layer; its own modules are those that count for this."""

    def __init__(self, base: nn.Module, front: list[nn.Module], layers: list[nn.Module]) -> None:
        super().__init__()
        self.front, self.layers = nn.ModuleList(front), nn.ModuleList(layers)
        self._whole = (base,)  # not as a module of this one
        self.end = f"frozen layer {len(layers)}"

    def make(self, inputs: Tensor, mask: Tensor) -> Tensor:
        before = _ALONE.set(True)
        try:
            self._whole[0](inputs, attention_mask=mask)
        except _Reached as reached:
            return reached.states
        finally:
            _ALONE.reset(before)
        raise TypeError(f"{type(self._whole[0]).__name__} does not run its layers in their order")


def lower_layers(model: PreTrainedModel, base: nn.Module) -> LowerLayers | None:
    """The lowest layers of `model` that learn nothing, with what is before them in its encoder `base`; None for none.

    From now on the model takes what they make of a clip in place of the clip. Not among these models are SEW and SEW-D,
    whose layers have fewer frames than the mask before them and the head behind them; and those with rotary positions
    that a module remembers from one call to the next, as threads that load clips would mix them up.
    """
    config = encoder_config(model.config)
    if hasattr(config, "squeeze_factor") or getattr(config, "position_embeddings_type", None) == "rotary":
        return None
    layers: list[nn.Module] = []
    for layer in layers_of(model):
        if any(parameter.requires_grad for parameter in layer.parameters()):
            break
        layers.append(layer)
    if not layers:
        return None
    before = {name: module for name, module in base.named_modules() if name in _BEFORE}
    for name, module in before.items():
        passing(module, _BEFORE[name])
    if isinstance(encoder := before.get("feature_extractor"), PassingEncoder):
        encoder.marked = True
    if (projection := before.get("feature_projection")) is not None:
        projection.alone = model.config.model_type == "hubert"
    if (subsampling := before.get("subsampling")) is not None:
        subsampling.scale = base.input_scale
    for layer in layers:
        passing(layer, _BiasedLayer if hasattr(getattr(layer, "attention", None), "gru_rel_pos_linear") else _Layer)
        layer.highest = layer is layers[-1]  # type: ignore[assignment]
    # A norm before the layers of some families is behind those of others, and then it may learn.
    front = [module for module in before.values() if not any(weight.requires_grad for weight in module.parameters())]
    return LowerLayers(base, front, layers)


class _Reached(Exception):
    """Ends a pass through the model with the states of the highest frozen layer, `(batch, frames, width)`."""

    def __init__(self, states: Tensor) -> None:
        super().__init__()
        self.states = states


class _Through(nn.Module):
    """Changes nothing of what was made before."""

    def forward(self, states: Tensor, *rest: Any) -> Any:
        return states if states.dtype == MADE else super().forward(states, *rest)


class _Projection(nn.Module):
    """The same for a projection of features, which most families answer beside the features themselves."""

    alone: bool

    def forward(self, states: Tensor) -> Any:
        if states.dtype != MADE:
            return super().forward(states)
        return states if self.alone else (states, states)


class _Subsampling(nn.Module):
    """The same where the model multiplies by `scale` what comes out here."""

    scale: float

    def forward(self, states: Tensor, *rest: Any) -> Tensor:
        return states / self.scale if states.dtype == MADE else super().forward(states, *rest)


class _AddedPositions(nn.Module):
    """What is added for positions has been added to what was made before."""

    def forward(self, states: Tensor) -> Tensor:
        return torch.zeros_like(states) if states.dtype == MADE else super().forward(states)


class _ToldPositions(nn.Module):
    """What upper layers are told of positions too: it has the type of the states, and here that of all others."""

    def forward(self, states: Tensor, *rest: Any) -> Any:
        return super().forward(states.float() if states.dtype == MADE else states, *rest)


class _Layer(nn.Module):
    """A frozen layer; the highest one takes the mark off, so that all above it see nothing unusual."""

    highest: bool

    def forward(self, states: Tensor, *rest: Any, **named: Any) -> Any:
        if states.dtype == MADE:
            return self._passed(states.float() if self.highest else states, named)
        made = super().forward(states, *rest, **named)
        if self.highest and _ALONE.get():
            raise _Reached(made[0] if isinstance(made, tuple) else made)
        return made

    def _passed(self, states: Tensor, named: dict[str, Any]) -> Any:
        return states


class _BiasedLayer(_Layer):
    """The same of WavLM, the lowest of whose layers makes the bias of positions `(batch x heads, frames, frames)`."""

    def _passed(self, states: Tensor, named: dict[str, Any]) -> Any:
        bias = named["position_bias"]
        if bias is None:
            batch, frames = states.shape[:2]
            attention: Any = self.attention
            bias = attention.compute_bias(frames, frames).repeat(batch, 1, 1)
        return states, bias


# By their names in the encoder of a family; the last four are those of Parakeet and LASR.
_BEFORE: dict[str, type[nn.Module]] = {
    "feature_extractor": PassingEncoder,
    "feature_projection": _Projection,
    "encoder.pos_conv_embed": _AddedPositions,
    "encoder.embed_positions": _ToldPositions,
    "encoder.layer_norm": _Through,
    "subsampling": _Subsampling,
    "encode_positions": _ToldPositions,
    "subsampler": _Through,
    "rotary_emb": _ToldPositions,
}

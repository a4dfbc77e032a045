"""The first part of a model that training leaves as it is: what it makes of a clip is the same in every epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from hf_speech_tl.models.convolutions import quick_encoder
from hf_speech_tl.models.families import FAMILIES
from hf_speech_tl.models.fingerprint import fingerprint
from hf_speech_tl.models.frames import frame_count, mask_length
from hf_speech_tl.models.frontends import FeatureExtractor, encoder_config
from hf_speech_tl.models.padding import pad

# What the part made of a clip before is handed to the model in half precision, which no model gets otherwise: weights
# are float32 here, and precision is autocast's.
_MADE = torch.float16


class _PassingEncoder(nn.Module):
    """A feature encoder that passes on features `(batch, frames, channels)`, and encodes samples `(batch, samples)`."""

    quick: Callable[[Tensor], Tensor] | None

    def forward(self, inputs: Tensor) -> Tensor:
        if inputs.dtype == _MADE:
            return inputs.float().transpose(1, 2)
        return self.quick(inputs) if self.quick else super().forward(inputs)


class _PassingModel(nn.Module):
    """A whole model below the head that passes on its own last layer's states `(batch, frames, width)`."""

    def forward(self, *inputs: Tensor, **named: Any) -> Any:
        given = inputs[0] if inputs else named[str(self.main_input_name)]
        return BaseModelOutput(given.float()) if given.dtype == _MADE else super().forward(*inputs, **named)


def frozen_part(model: PreTrainedModel, device: torch.device, dtype: torch.dtype) -> nn.Module | None:
    """The largest first part of `model` that has nothing to learn and nothing random, moved to `device`, or None.

    That is all below the head where the head alone is trained, without masking and dropout; or the feature encoder,
    below which nothing is random. From now on the model takes what `Frozen` made of a clip in place of the clip. A
    feature encoder becomes as quick as it can be for a run on `device` that computes in `dtype`.
    """
    own_name = FAMILIES[model.config.model_type].encoder
    base = getattr(model, own_name) if own_name else model.base_model
    if not _learns(base) and not is_random(model):
        return _passing(base, _PassingModel).to(device)
    encoder = getattr(base, "feature_extractor", None)
    if encoder is None or _learns(encoder):
        return None
    passing = _passing(encoder, _PassingEncoder).to(device)
    passing.quick = quick_encoder(passing, device, dtype)  # type: ignore[assignment]
    return passing


class Frozen:
    """Runs the frozen part of a model on single clips, which no padding touches."""

    def __init__(
        self, model: PreTrainedModel, part: nn.Module, feature_extractor: FeatureExtractor, dtype: torch.dtype
    ) -> None:
        """part: what `frozen_part` found in `model`. dtype: what the run computes in."""
        self._model = model
        self._part = part
        self._feature_extractor = feature_extractor
        self._dtype = dtype

    def __call__(self, samples: Any) -> Tensor:
        """What the part makes of a clip `(samples,)` at 16 kHz: float16 `(frames, width)` on the CPU."""
        config, device = self._model.config, next(self._part.parameters()).device
        inputs, mask = (tensor.to(device) for tensor in pad(self._feature_extractor, [samples]))
        precision = torch.autocast(device.type, self._dtype, enabled=self._dtype != torch.float32)
        with torch.no_grad(), precision:
            if isinstance(self._part, _PassingModel):
                made = self._part(inputs, attention_mask=mask)[0][0]
            else:
                made = self._part(inputs)[0].T
        return made[: frame_count(config, len(samples))].to("cpu", _MADE)

    def fingerprint(self) -> str:
        """A hash of all that decides what is made of a clip: weights, architecture, precision, and how it is heard."""
        heard = sorted(self._feature_extractor.to_dict().items())
        return fingerprint(
            self._part, encoder_config(self._model.config), type(self._part).__name__, heard, self._dtype
        )

    def mask_length(self, samples: int) -> int:
        """How much of the attention mask a clip of so many samples fills."""
        return mask_length(self._model.config, samples)


def _learns(module: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in module.parameters())


def is_random(model: PreTrainedModel) -> bool:
    """Whether chance has a part in a training step of the model: masking, dropout, or codes that are drawn."""
    if hasattr(model, "quantizer"):
        return True
    encoder = encoder_config(model.config)
    masked = getattr(encoder, "mask_time_prob", 0) or getattr(encoder, "mask_feature_prob", 0)
    return bool(masked) or any(value for name, value in vars(encoder).items() if "dropout" in name)


def _passing(module: nn.Module, kind: type[nn.Module]) -> nn.Module:
    if not isinstance(module, kind):
        # In place: the names of its weights stay, and so do the adapters and wrappers around it.
        module.__class__ = _with(kind, type(module))
    return module


def _with(kind: type[nn.Module], own: type[nn.Module]) -> type[nn.Module]:
    return type(f"Passing{own.__name__}", (kind, own), {})

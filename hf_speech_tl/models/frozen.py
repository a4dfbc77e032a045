"""The first part of a model that training leaves as it is: what it makes of a clip is the same in every epoch."""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from hf_speech_tl.audio import RATE
from hf_speech_tl.models.convolutions import quick_encoder
from hf_speech_tl.models.families import FAMILIES
from hf_speech_tl.models.fingerprint import fingerprint
from hf_speech_tl.models.frames import frame_count, frame_rate, mask_length
from hf_speech_tl.models.frontends import FeatureExtractor, encoder_config
from hf_speech_tl.models.lower import lower_layers
from hf_speech_tl.models.padding import pad
from hf_speech_tl.models.passing import MADE, Part, PassingEncoder, PassingModel, passing


def frozen_part(model: PreTrainedModel, device: torch.device) -> Part | None:
    """The largest first part of `model` that has nothing to learn and nothing random, moved to `device`, or None.

    That is all below the head where the head alone is trained, or all up to the highest frozen layer, both without
    masking, dropout and LayerDrop; else the feature encoder, below which nothing is random. From now on the model takes
    what `Frozen` made of a clip in place of the clip. A feature encoder becomes as quick as it can be on `device`.
    """
    own_name = FAMILIES[model.config.model_type].encoder
    base = getattr(model, own_name) if own_name else model.base_model
    steady = not _is_random(model)
    if steady and not _learns(base):
        return cast("Part", passing(base, PassingModel).to(device))
    part: Part | None = None
    encoder = getattr(base, "feature_extractor", None)
    if encoder is not None and not _learns(encoder):
        part = first = cast("PassingEncoder", passing(encoder, PassingEncoder).to(device))
        first.quick, first.marked = quick_encoder(first, device), False
    lower = lower_layers(model, base) if steady else None
    return cast("Part", lower.to(device)) if lower else part


class Frozen:
    """Runs the frozen part of a model on single clips, which no padding touches."""

    def __init__(
        self, model: PreTrainedModel, part: Part, feature_extractor: FeatureExtractor, dtype: torch.dtype
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
            made = self._part.make(inputs, mask)[0]
        return made[: frame_count(config, len(samples))].to("cpu", MADE)

    @property
    def end(self) -> str:
        """What of the model the part ends with, in words."""
        return self._part.end

    @cached_property
    def bytes_a_second(self) -> float:
        """How large what it makes of a second of audio is."""
        made = self(np.zeros(RATE, np.float32))
        return made.shape[1] * made.element_size() * frame_rate(self._model.config)

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


def _is_random(model: PreTrainedModel) -> bool:
    """Whether chance has a part in a training step of the model: masking, dropout, layers or codes that are drawn."""
    if hasattr(model, "quantizer"):
        return True
    encoder = encoder_config(model.config)
    masked = getattr(encoder, "mask_time_prob", 0) or getattr(encoder, "mask_feature_prob", 0)
    return bool(masked) or any(value for name, value in vars(encoder).items() if "drop" in name)

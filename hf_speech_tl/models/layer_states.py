"""What one layer of an encoder makes of single clips: features that say more of the speech than the waveform does."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedConfig

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models.checkpoint import Checkpoint, load_checkpoint, read_config
from hf_speech_tl.models.depth import keep_lowest, layers_of
from hf_speech_tl.models.families import FAMILIES
from hf_speech_tl.models.frames import frame_count, frame_middles, input_name
from hf_speech_tl.models.frontends import encoder_config
from hf_speech_tl.models.inference import for_inference
from hf_speech_tl.models.padding import pad

_BESIDE = ("name_or_path", "version")  # words in settings of a feature extractor that change nothing in what it does


def split_layer(text: str) -> tuple[str, int | None]:
    """`MODEL` or `MODEL:LAYER` as a model's name and the number of a layer, None where none is named."""
    name, _, layer = text.rpartition(":")
    return (name, int(layer)) if name and layer.isascii() and layer.isdigit() else (text, None)


def choose_layer(text: str, option: str) -> tuple[str, PreTrainedConfig, int]:
    """The model that `MODEL[:LAYER]` names, its configuration, and the layer: the middle one where none is named.

    Layers are counted from 1; of an even number the last of the lower half is the middle one, the 6th of 12, which
    HuBERT's second clusters are made of. Raises SettingsError, whose line names `option`, for what cannot be.
    """
    name, layer = split_layer(text)
    config = _of_option(option, read_config, name)
    layers: int = encoder_config(config).num_hidden_layers
    if layer is not None and not 1 <= layer <= layers:
        raise SettingsError(f"{option} {text}: {name} has {layers} layers; allowed: {name}:1 to {name}:{layers}")
    return name, config, layer or (layers + 1) // 2


def load_layer(text: str, option: str, device: torch.device, dtype: torch.dtype) -> LayerStates:
    """The layer that `MODEL[:LAYER]` names, of pretrained weights; the layers above it are not read."""
    name, config, layer = choose_layer(text, option)
    keep_lowest(config, layer)
    checkpoint = _of_option(option, load_checkpoint, name, config)
    if checkpoint.fresh:
        raise SettingsError(f"{option} {text}: its weights are random and say nothing. Take a trained model.")
    return LayerStates(checkpoint, layer, device, dtype)


class LayerStates:
    """Runs an encoder up to one of its layers, on single clips, which no padding touches."""

    def __init__(self, checkpoint: Checkpoint, layer: int, device: torch.device, dtype: torch.dtype) -> None:
        """layer: counted from 1; what it hands to the next one is the result, before any norm that stands behind the
        last. dtype: what is computed in."""
        self._config = checkpoint.model.config
        self._feature_extractor = checkpoint.feature_extractor
        self._layer = layer
        self._dtype = dtype
        nn.Module.to(checkpoint.model, device)
        self._model = for_inference(checkpoint.model, dtype)
        name = FAMILIES[self._config.model_type].encoder
        self._encoder = getattr(self._model, name) if name else self._model.base_model
        self._heard: torch.Tensor | None = None
        layers_of(self._model)[layer - 1].register_forward_hook(self._hear)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """The layer's states for a clip `(samples,)` at 16 kHz: float32 `(frames, width)`."""
        device = self._model.device
        inputs, mask = (tensor.to(device) for tensor in pad(self._feature_extractor, [samples]))
        precision = torch.autocast(device.type, self._dtype, enabled=self._dtype != torch.float32)
        with torch.no_grad(), precision:
            self._encoder(**{input_name(self._config): inputs}, attention_mask=mask)
        assert self._heard is not None
        states, self._heard = self._heard[0], None
        # Within its layers SEW has a frame for every two that it answers with.
        states = states.repeat_interleave(getattr(self._config, "squeeze_factor", 1), dim=0)
        # Behind the last whole one nothing is left to hear but silence.
        at = torch.arange(frame_count(self._config, len(samples))).clamp(max=len(states) - 1)
        return states.float().cpu().numpy()[at]

    def middles(self, samples: int) -> np.ndarray:
        """Where the middle of each frame lies in a clip of so many samples: `(frames,)`."""
        return frame_middles(self._config, samples)

    def fingerprint(self) -> str:
        """A hash of all that decides what is made of a clip: weights, architecture, layer, precision, how it hears."""
        state = hashlib.blake2b(digest_size=16)
        heard = {name: value for name, value in self._feature_extractor.to_dict().items() if _decides(name)}
        config = {name: value for name, value in self._config.to_dict().items() if _decides(name)}
        state.update(repr([self._layer, self._dtype, sorted(heard.items()), sorted(config.items())]).encode())
        for name, weight in sorted(self._encoder.state_dict().items()):
            if name != "masked_spec_embed":  # not used, and random where the checkpoint has none
                state.update(name.encode())
                state.update(weight.detach().cpu().contiguous().numpy().tobytes())
        return state.hexdigest()

    def _hear(self, layer: nn.Module, inputs: Any, output: Any) -> None:
        self._heard = output[0] if isinstance(output, tuple) else output


def _decides(setting: str) -> bool:
    return not any(word in setting for word in _BESIDE)


def _of_option(option: str, read: Any, *arguments: Any) -> Any:
    """What `read` returns; where it refuses a model, by the name of the option that asked for the model."""
    try:
        return read(*arguments)
    except SettingsError as error:
        raise SettingsError(str(error).replace("--model", option, 1)) from error

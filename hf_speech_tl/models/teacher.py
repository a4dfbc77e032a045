"""A larger encoder that others learn from: what some of its layers make of clips, in the frames of a pupil."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

from hf_speech_tl.audio import RATE
from hf_speech_tl.errors import SettingsError, named_by
from hf_speech_tl.models.checkpoint import load_checkpoint, read_any_config, read_config
from hf_speech_tl.models.fingerprint import fingerprint
from hf_speech_tl.models.frames import frame_count, hears_padding, input_name
from hf_speech_tl.models.frontends import FeatureExtractor, encoder_config
from hf_speech_tl.models.grid import Grid
from hf_speech_tl.models.head import encoder_of
from hf_speech_tl.models.padding import alike, pad
from hf_speech_tl.models.whisper import load_whisper

_BATCH_SECONDS = {"cpu": 24.0, "cuda": 240.0}  # of padded audio at once


class _Encoder(Protocol):
    """What hears clips: with how many layers, and states of so and so many values."""

    layers: int
    width: int

    def states(self, clips: Sequence[np.ndarray], layers: Sequence[int]) -> Iterator[tuple[np.ndarray, Grid]]:
        """Of each clip `(samples,)` the layers' states side by side, `(frames, layers * width)`, and their grid."""

    def fingerprint(self) -> str:
        """A hash of all that decides what is made of a clip."""


class Teacher:
    """layers: those that are taught, counted from 1. What a layer makes is what it hands on to the next; of the last
    one, what the encoder gives, after the norm that some have there. width: of one layer's states.
    """

    def __init__(self, encoder: _Encoder, layers: Sequence[int], pupil: PreTrainedConfig) -> None:
        """pupil: in whose frames the states are given."""
        self.layers = tuple(layers)
        self.width = encoder.width
        self._encoder = encoder
        self._pupil = pupil
        self._grid = Grid.of(pupil)

    def __call__(self, clips: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
        """Of each clip `(samples,)` at 16 kHz, in their order: float32 `(frames of the pupil, layers * width)`."""
        heard = self._encoder.states(clips, self.layers)
        for clip, (states, grid) in zip(clips, heard, strict=True):
            yield grid.average(states, self._grid, frame_count(self._pupil, len(clip)))

    def fingerprint(self) -> str:
        """A hash of all that decides what is made of a clip: the teacher, its layers, and the pupil's frames."""
        content = repr([self._encoder.fingerprint(), self.layers, self._grid])
        return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def load_teacher(
    name: str, layers: Sequence[int] | None, pupil: PreTrainedConfig, device: torch.device, dtype: torch.dtype
) -> Teacher:
    """The encoder of a supported family, or Whisper's, in a directory or on the Hub, computing in `dtype`.

    layers: as for `taught_layers`. Raises SettingsError for a model that cannot be one, or has no such layer.
    """
    chosen = taught_layers(name, layers)
    return Teacher(_load(name, "--teacher", device, dtype), chosen, pupil)


def taught_layers(name: str, layers: Sequence[int] | None) -> tuple[int, ...]:
    """The layers that a teacher teaches, of which only the configuration is read.

    layers: None for the 4th and 6th of six, which pilots with Whisper base took, else for the middle and the last one.
    Raises SettingsError for a model that cannot be a teacher, or has no such layer.
    """
    count = _count_layers(name, "--teacher")
    chosen = tuple(layers) if layers else (4, 6) if count == 6 else tuple(sorted({_middle(count), count}))
    if beyond := [layer for layer in chosen if not 1 <= layer <= count]:
        raise SettingsError(
            f"--teacher-layers {','.join(map(str, chosen))}: {name} has {count} layers, and no layer {beyond[0]}; "
            f"allowed: 1 to {count}"
        )
    return chosen


def load_layer(text: str, pupil: PreTrainedConfig, device: torch.device, dtype: torch.dtype) -> Teacher:
    """The same of the one layer that `MODEL[:LAYER]` of --cluster-on names; without LAYER of the middle one."""
    layer = clustered_layer(text)
    return Teacher(_load(split_layer(text)[0], "--cluster-on", device, dtype), [layer], pupil)


def clustered_layer(text: str) -> int:
    """The layer that `MODEL[:LAYER]` of --cluster-on names, of which only the configuration is read.

    Raises SettingsError for a model that cannot be used, or has no such layer.
    """
    name, layer = split_layer(text)
    count = _count_layers(name, "--cluster-on")
    if layer is not None and not 1 <= layer <= count:
        raise SettingsError(f"--cluster-on {text}: {name} has {count} layers; allowed: {name}:1 to {name}:{count}")
    return layer or _middle(count)


def split_layer(text: str) -> tuple[str, int | None]:
    """`MODEL` or `MODEL:LAYER` as a model's name and the number of a layer, None where none is named."""
    name, _, layer = text.rpartition(":")
    return (name, int(layer)) if name and layer.isascii() and layer.isdigit() else (text, None)


def _middle(layers: int) -> int:
    """Of an even number the last of the lower half: the 6th of 12, of which HuBERT's second clusters are made."""
    return (layers + 1) // 2


def _count_layers(name: str, option: str) -> int:
    """How many layers a teacher has; SettingsError for a model that cannot be one."""
    with named_by(option):
        config = read_any_config(name)
        whisper = config.model_type == "whisper"
        return config.encoder_layers if whisper else encoder_config(read_config(name)).num_hidden_layers


def _load(name: str, option: str, device: torch.device, dtype: torch.dtype) -> _Encoder:
    with named_by(option):
        config = read_any_config(name)
        if config.model_type == "whisper":
            return load_whisper(name, config, device, dtype)
        checkpoint = load_checkpoint(name, read_config(name))
        return _FamilyEncoder(checkpoint.model, checkpoint.feature_extractor, device, dtype)


class _FamilyEncoder:
    """An encoder of one of our families, on clips of similar length together where padding does not matter."""

    def __init__(
        self,
        model: PreTrainedModel,
        feature_extractor: FeatureExtractor,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._config = model.config
        self._feature_extractor = feature_extractor
        self._dtype = dtype
        self._encoder: nn.Module = encoder_of(model).to(device).eval()  # type: ignore[arg-type]
        self._device = device
        encoder = encoder_config(model.config)
        self.layers: int = encoder.num_hidden_layers
        self.width: int = encoder.hidden_size
        self._grid = Grid.of(model.config)

    def states(self, clips: Sequence[np.ndarray], layers: Sequence[int]) -> Iterator[tuple[np.ndarray, Grid]]:
        """As _Encoder has it."""
        found: dict[int, tuple[np.ndarray, Grid]] = {}
        limit = 0.0 if hears_padding(self._config) else _BATCH_SECONDS.get(self._device.type, 24.0) * RATE
        for numbers in alike([len(clip) for clip in clips], limit):
            inputs, mask = pad(self._feature_extractor, [clips[number] for number in numbers])
            made = self._run(inputs.to(self._device), mask.to(self._device), layers)
            for number, states in zip(numbers, made.float().cpu().numpy(), strict=True):
                found[number] = states[: max(1, frame_count(self._config, len(clips[number])))], self._grid
        for number in range(len(clips)):
            yield found[number]

    def fingerprint(self) -> str:
        """As _Encoder has it."""
        heard = sorted(self._feature_extractor.to_dict().items())
        return fingerprint(self._encoder, encoder_config(self._config), heard, self._dtype)

    def _run(self, inputs: Tensor, mask: Tensor, layers: Sequence[int]) -> Tensor:
        precision = torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32)
        with torch.inference_mode(), precision:
            output: Any = self._encoder(
                **{input_name(self._config): inputs}, attention_mask=mask, output_hidden_states=True
            )
        whole = output.last_hidden_state
        states = [whole if layer == self.layers else output.hidden_states[layer] for layer in layers]
        # Within the model SEW has half as many frames as it answers with: there, each stands for two.
        frames = torch.arange(whole.shape[1], device=whole.device)
        return torch.cat([state[:, frames * state.shape[1] // whole.shape[1]] for state in states], -1)

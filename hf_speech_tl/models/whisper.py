"""Whisper's encoder (Radford et al. 2022) on clips of any length: several share one of its windows of 30 s."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder
from transformers.utils import logging

from hf_speech_tl.audio import RATE
from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models.fingerprint import fingerprint
from hf_speech_tl.models.grid import Grid

_HOP = 160  # samples in a column of the log-mel spectrogram
_FRAME = 2  # columns in a frame
_GAP = 50  # columns of silence between clips: half a second, a pause between sentences
_WINDOWS = {"cpu": 2, "cuda": 16}  # at once


@dataclass(frozen=True)
class _Piece:
    """Columns `begin` to `end` of the clip of this number, in a window from its column `place` on."""

    clip: int
    begin: int
    end: int
    place: int


class Whisper:
    """Hears clips packed into windows, with silence between them; of each, its own frames are cut out again.

    The spectrogram is taken of each clip by itself, so that how loud its neighbours are does not change it.
    """

    def __init__(
        self,
        encoder: WhisperEncoder,
        feature_extractor: WhisperFeatureExtractor,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._encoder = encoder.to(device).eval()  # type: ignore[arg-type]
        self._feature_extractor = feature_extractor
        self._device = device
        self._dtype = dtype
        config = encoder.config
        self.layers: int = config.encoder_layers
        self.width: int = config.d_model
        self._window: int = config.max_source_positions * _FRAME  # columns

    def states(self, clips: Sequence[np.ndarray], layers: Sequence[int]) -> Iterator[tuple[np.ndarray, Grid]]:
        """Of each clip `(samples,)` at 16 kHz the layers' states, `(frames, layers * width)`: 50 frames a second.

        A clip longer than a window is heard in several.
        """
        spectrograms = [self._spectrogram(clip) for clip in clips]
        windows = pack([mel.shape[1] for mel in spectrograms], self._window)
        parts: list[dict[int, np.ndarray]] = [{} for _ in clips]
        size = _WINDOWS.get(self._device.type, 2)
        for at in range(0, len(windows), size):
            together = windows[at : at + size]
            made = self._run(torch.stack([self._filled(window, spectrograms) for window in together]), layers)
            for window, states in zip(together, made.float().cpu().numpy(), strict=True):
                for piece in window:
                    first = piece.place // _FRAME
                    frames = -(-(piece.end - piece.begin) // _FRAME)
                    parts[piece.clip][piece.begin] = states[first : first + frames]
        # The convolutions are padded, and so the first frame's middle is the first sample.
        grid = Grid(0.0, float(_HOP * _FRAME))
        for part in parts:
            yield np.concatenate([part[begin] for begin in sorted(part)]), grid

    def fingerprint(self) -> str:
        """A hash of all that decides what is made of a clip; where in a window it lies is not part of it."""
        heard = self._feature_extractor.to_dict()
        heard.pop("mel_filters", None)
        return fingerprint(self._encoder, self._encoder.config, sorted(heard.items(), key=str), self._dtype, _GAP)

    def _spectrogram(self, clip: np.ndarray) -> Tensor:
        """`(bands, columns)`; at least one column."""
        clip = np.pad(clip, (0, max(0, self._feature_extractor.n_fft - len(clip))))
        features = self._feature_extractor(clip, sampling_rate=RATE, padding="do_not_pad", truncation=False)
        return torch.as_tensor(np.asarray(features["input_features"][0]))

    def _filled(self, window: Sequence[_Piece], spectrograms: Sequence[Tensor]) -> Tensor:
        """One window's spectrogram `(bands, columns)`; behind each clip it is as silent as the clip is at its most."""
        filled = torch.empty(spectrograms[0].shape[0], self._window)
        for piece in window:
            mel = spectrograms[piece.clip]
            length = piece.end - piece.begin
            filled[:, piece.place : piece.place + length] = mel[:, piece.begin : piece.end]
            filled[:, piece.place + length :] = mel.max() - 2  # 8 powers of ten below, as the extractor has it
        return filled

    def _run(self, spectrograms: Tensor, layers: Sequence[int]) -> Tensor:
        precision = torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32)
        with torch.inference_mode(), precision:
            output = self._encoder(spectrograms.to(self._device), output_hidden_states=True)
        last = {self.layers: output.last_hidden_state}
        return torch.cat([last.get(layer, output.hidden_states[layer]) for layer in layers], -1)


def pack(lengths: Sequence[int], window: int) -> list[list[_Piece]]:
    """Clips of these lengths, in columns, into windows with silence between: the longest first, each into the first
    window that has room; pieces begin at whole frames."""
    pieces = [
        (clip, begin, min(begin + window, length))
        for clip, length in enumerate(lengths)
        for begin in range(0, length, window)
    ]
    windows: list[list[_Piece]] = []
    used: list[int] = []
    for clip, begin, end in sorted(pieces, key=lambda piece: piece[1] - piece[2]):
        length = -(-(end - begin) // _FRAME) * _FRAME
        at = next((at for at, place in enumerate(used) if place + length <= window), len(windows))
        if at == len(windows):
            windows.append([])
            used.append(0)
        windows[at].append(_Piece(clip, begin, end, used[at]))
        used[at] += length + _GAP
    return windows


def load_whisper(name: str, config: PreTrainedConfig, device: torch.device, dtype: torch.dtype) -> Whisper:
    """The encoder of a Whisper model, saved alone or with its decoder; else SettingsError, which names --model."""
    return Whisper(*read_whisper(name, config), device, dtype)


def read_whisper(name: str, config: PreTrainedConfig) -> tuple[WhisperEncoder, WhisperFeatureExtractor]:
    """The encoder of a Whisper model, whole and in float32, and what it hears by; else SettingsError."""
    logging.disable_progress_bar()
    try:
        encoder, missing = _encoder_of(name, config)
        feature_extractor = WhisperFeatureExtractor.from_pretrained(name)
    except Exception as error:  # missing, cut short, or a pickle that holds more than weights
        reason = " ".join(str(error).split())[:300]
        raise SettingsError(
            f"--model {name}: its weights or its preprocessor_config.json cannot be loaded ({reason}). Take a whole "
            "Whisper checkpoint."
        ) from error
    if missing:
        raise SettingsError(
            f"--model {name}: {len(missing)} weights of the encoder are missing in it ({min(missing)}, ...). Take a "
            "whole Whisper checkpoint."
        )
    if feature_extractor.sampling_rate != RATE or feature_extractor.hop_length != _HOP:
        raise SettingsError(f"--model {name}: hears other than {RATE:,} samples a second in hops of {_HOP}.")
    return encoder, feature_extractor


def _encoder_of(name: str, config: PreTrainedConfig) -> tuple[WhisperEncoder, set[str]]:
    """The encoder, and the names of its weights that the files lack."""
    loaded: Any = WhisperEncoder.from_pretrained(
        name,
        config=config,
        dtype=torch.float32,
        key_mapping={r"^(model\.)?encoder\.": ""},  # what it is called in a model with a decoder
        output_loading_info=True,
        trust_remote_code=False,
    )
    encoder, report = loaded
    return encoder, set(report["missing_keys"])

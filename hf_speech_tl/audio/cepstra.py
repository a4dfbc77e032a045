"""Mel-frequency cepstral coefficients (Davis and Mermelstein 1980), which say what is spoken before any model does."""

from __future__ import annotations

import math

import numpy as np

from hf_speech_tl.audio.resample import RATE

_WINDOW = 400  # samples: 25 ms
_HOP = 160  # samples: 10 ms
_BINS = 512  # points of the Fourier transform
_BANDS = 23
_LOWEST = 20.0  # Hz
_KEPT = 13  # coefficients, the zeroth among them
_EMPHASIS = 0.97
_LIFTER = 22
_REACH = 2  # frames on either side by which a slope is fitted
_FLOOR = 1e-8  # of a band's power: below the rounding noise of 16 bits, so that digital silence is a quiet room


def cepstra(samples: np.ndarray) -> np.ndarray:
    """Cepstra of a clip, float32 `(frames, 39)`: 13, their slopes, and the slopes of these; samples `(samples,)` at
    16 kHz.

    Windows of 25 ms start every 10 ms; a clip shorter than one is filled up with silence. Windows, bands and liftering
    are Kaldi's defaults, which HuBERT's first clusters were made of. The clip's mean is subtracted, which HuBERT does
    not: how loud a recording is, and through which microphone, cannot be told from what a model is fed.
    """
    padded = np.pad(samples.astype(np.float32), (0, max(0, _WINDOW - len(samples))))
    static = np.log(power_spectrum(padded) @ _FILTERS + _FLOOR) @ _COSINES
    static -= static.mean(axis=0)
    slopes = _slopes(static)
    return np.concatenate([static, slopes, _slopes(slopes)], axis=1).astype(np.float32)


def power_spectrum(samples: np.ndarray) -> np.ndarray:
    """Kaldi's, of a clip of a window or more, float32 `(samples,)` at 16 kHz: `(frames, 257)`, 100 frames a second."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    windows = windows - windows.mean(axis=1, keepdims=True)
    before = np.concatenate([windows[:, :1], windows[:, :-1]], axis=1)
    return np.abs(np.fft.rfft((windows - _EMPHASIS * before) * _TAPER, _BINS)) ** 2


def cepstra_middles(frames: int) -> np.ndarray:
    """Where the middle of each window lies, in samples: `(frames,)`."""
    return _WINDOW / 2 + np.arange(frames) * _HOP


def _slopes(track: np.ndarray) -> np.ndarray:
    """The slope a frame of a line fitted to five frames, `(frames, width)`; the ends are repeated."""
    padded = np.pad(track, ((_REACH, _REACH), (0, 0)), mode="edge")
    count = len(track)
    rise = sum(at * (padded[_REACH + at :][:count] - padded[_REACH - at :][:count]) for at in range(1, _REACH + 1))
    return rise / (2 * sum(at**2 for at in range(1, _REACH + 1)))


def _taper() -> np.ndarray:
    """Kaldi's own window, a Hann window to the power of 0.85: `(window,)`."""
    return (np.hanning(_WINDOW) ** 0.85).astype(np.float32)


def _filters() -> np.ndarray:
    """Triangles that overlap by half, evenly spaced in mel: `(bins, bands)`."""
    bins = _mel(np.arange(_BINS // 2 + 1) * RATE / _BINS)
    edges = np.linspace(_mel(np.array(_LOWEST)), _mel(np.array(RATE / 2)), _BANDS + 2)
    step = edges[1] - edges[0]
    return np.maximum(0, 1 - np.abs(bins[:, None] - edges[None, 1:-1]) / step).astype(np.float32)


def _mel(hertz: np.ndarray) -> np.ndarray:
    return 1127 * np.log1p(hertz / 700)


def _cosines() -> np.ndarray:
    """The orthonormal cosine transform, its rows weighted so that high coefficients vary as much: `(bands, kept)`."""
    order = np.arange(_KEPT)
    waves = np.cos(math.pi / _BANDS * (np.arange(_BANDS)[:, None] + 0.5) * order) * math.sqrt(2 / _BANDS)
    waves[:, 0] /= math.sqrt(2)
    return (waves * (1 + _LIFTER / 2 * np.sin(math.pi * order / _LIFTER))).astype(np.float32)


_TAPER, _FILTERS, _COSINES = _taper(), _filters(), _cosines()

"""What a recording sounds like in seven numbers, without knowing what it should have sounded like.

All but clipping are read from its short-time power spectrum (32 ms Hann windows, 10 ms apart). How wrong the blind
estimates are was measured on real speech with noise and rooms added to it: docs/domain-report.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hf_speech_tl.audio.resample import RATE

_WINDOW = 512  # samples: 32 ms
_HOP = 160  # samples: 10 ms
_HANN = np.hanning(_WINDOW).astype(np.float32)
_HERTZ = RATE / _WINDOW  # between two bins
_LOWEST = 2  # bins below 62 Hz hold offset and rumble, no speech
_TINY = 1e-12  # of full scale, as a power: -120 dBFS
_SMOOTH = 5  # frames: noise comes and goes from one to the next
_NOISE = 2.0  # mean energy of noise over the 10th percentile of its frames: with 3 dB, 5 and 10 dB are read as they are
_PAUSE = 30  # frames: shorter gaps are stop consonants and weak syllables, not pauses
_SLOPE = 10  # frames over which a rise or fall is fitted: 100 ms
# Bins of twelve bands of equal width in mel, from 100 Hz up: where a room answers differently, and noise lies unevenly.
_BANDS = np.rint(700 * (10 ** (np.linspace(150, 2700, 13) / 2595) - 1) / _HERTZ).astype(int)


@dataclass(frozen=True)
class Sound:
    """What was measured of a recording.

    bandwidth: Hz; snr: dB; level: dBFS of the speech; clipped: share of samples; tail: seconds; silence: share of the
    time; speech: seconds. NaN where the recording is too short to say.
    """

    bandwidth: float
    snr: float
    level: float
    clipped: float
    tail: float
    silence: float
    speech: float


def measure(samples: np.ndarray) -> Sound:
    """Every measure of one recording, float32 `(samples,)` at 16 kHz."""
    power = power_spectrum(samples)
    energy = power.sum(axis=1)
    speaking = find_speech(energy)
    return Sound(
        bandwidth=bandwidth(power),
        snr=signal_to_noise(energy, speaking),
        level=_decibels(energy[speaking].mean()),
        clipped=clipped_share(samples),
        tail=reverberant_tail(power),
        silence=float(1 - speaking.mean()),
        speech=float(speaking.mean() * len(samples) / RATE),
    )


def power_spectrum(samples: np.ndarray) -> np.ndarray:
    """Power of every frame and bin `(frames, 257)`; a frame's sum is the mean square of its samples."""
    padded = np.pad(samples, (0, max(0, _WINDOW - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP] * _HANN
    power = np.abs(np.fft.rfft(frames)) ** 2 * (2 / _WINDOW / np.sum(_HANN**2))
    power[:, :_LOWEST] = 0
    return power


def find_speech(energy: np.ndarray) -> np.ndarray:
    """Which frames `(frames,)` belong to speech, from their energies: all between two pauses of 0.3 s or more.

    Energies are smoothed over 50 ms. A frame is loud within 25 dB of the loudest twentieth, and above the quietest
    tenth by two fifths of what lies between the two: in noise the second is the higher bar. Gaps shorter than a pause
    count as speech.
    """
    smooth = np.convolve(np.pad(energy, _SMOOTH // 2, mode="edge"), np.full(_SMOOTH, 1 / _SMOOTH), mode="valid")
    level = 10 * np.log10(smooth + _TINY)
    quiet, loud = np.quantile(level, (0.1, 0.95))
    speaking = level >= max(loud - 25, quiet + 0.4 * (loud - quiet))
    heard = np.flatnonzero(speaking)
    for before, after in pairwise(heard):
        if 1 < after - before <= _PAUSE:
            speaking[before:after] = True
    return speaking


def bandwidth(power: np.ndarray) -> float:
    """The frequency in Hz above which nothing comes within 55 dB of the strongest.

    Of each bin the loudest twentieth of the frames counts, so that a few fricatives show the band of a voice, smoothed
    over 250 Hz. Speech is 40 to 50 dB weaker at 8 kHz than at its strongest; what was sampled at 8 kHz or came over a
    telephone line falls by 60 dB and more at 4 kHz. Noise added afterwards fills the band.
    """
    spectrum = np.quantile(power, 0.95, axis=0)
    smooth = np.convolve(spectrum, np.full(8, 1 / 8), mode="same")
    return float(np.flatnonzero(smooth >= smooth.max() * 10**-5.5)[-1] * _HERTZ)


def signal_to_noise(energy: np.ndarray, speaking: np.ndarray) -> float:
    """SNR in dB: the mean energy of speech over that of noise, which is read from the quietest tenth of the frames.

    After the frame histograms of NIST's STNR. Kim and Stern's WADA (Interspeech 2008) was tried and is worse here: it
    expects speech without pauses, and reads 47 dB for 30 where words stand in silence, 14 for 20 in dense prompts.
    A room's tail counts as noise; sounds with pauses of their own are missed.
    """
    noise = _NOISE * np.quantile(energy, 0.1) + _TINY
    return _decibels(max(energy[speaking].mean() - noise, 1e-3 * noise) / noise)


def clipped_share(samples: np.ndarray) -> float:
    """Share of the samples within 1 % of full scale."""
    return float(np.mean(np.abs(samples) >= 0.99))


def reverberant_tail(power: np.ndarray) -> float:
    """How much longer sound takes to fall by 60 dB than to rise by as much, in seconds; NaN under 0.3 s of sound.

    Slopes of the energy over 100 ms, in twelve bands, within 25 dB of each band's loudest; the mean squares of those
    that rise and those that fall. A room can only slow the fall (Wen, Habets and Naylor 2008 use the falls alone),
    while noise slows both: its effect on the difference is small.
    """
    if len(power) < 3 * _SLOPE:
        return float("nan")
    level = 10 * np.log10(np.add.reduceat(power, _BANDS, axis=1)[:, :-1] + _TINY)
    at = np.arange(_SLOPE) - (_SLOPE - 1) / 2
    windows = np.lib.stride_tricks.sliding_window_view(level, _SLOPE, axis=0)  # (frames, bands, frames of a window)
    slopes = windows @ (at / np.sum(at**2)) * (RATE / _HOP)  # dB a second
    near = windows.max(axis=-1) >= np.quantile(level, 0.95, axis=0) - 25
    falls, rises = slopes[near & (slopes < 0)], slopes[near & (slopes > 0)]
    if not len(falls) or not len(rises):
        return float("nan")
    return float(60 / np.sqrt(np.mean(falls**2)) - 60 / np.sqrt(np.mean(rises**2)))


def _decibels(power: float) -> float:
    return float(10 * np.log10(power + _TINY))

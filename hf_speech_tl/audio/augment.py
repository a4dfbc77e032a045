"""Changes to one clip: float32 `(samples,)` at 16 kHz in, the same out. Chance and files are the caller's."""

from __future__ import annotations

import numpy as np
import soxr

from hf_speech_tl.audio.resample import RATE

_FRAME = RATE // 50  # samples over which a level is taken: 20 ms
_ACTIVE = 1e-3  # of the loudest frame's power; frames below it, by more than 30 dB, are pauses
_SEAM = RATE // 20  # samples over which the end of a recording fades into its beginning
_WINDOW, _HOP = 1024, 256  # of the phase vocoder: 64 ms, some ten periods of a low voice
_BAND = (300.0, 3400.0)  # Hz, of narrow-band telephony (ITU-T G.712)
_EDGE = 100.0  # Hz over which that band ends


def change_speed(samples: np.ndarray, factor: float) -> np.ndarray:
    """`samples` played `factor` times as fast, pitch and all: `(round(samples / factor),)` (Ko et al. 2015).

    By exact resampling: what would lie above 8 kHz is filtered out and does not fold back.
    """
    if factor == 1:
        return samples
    changed = soxr.resample(samples, RATE * factor, RATE, quality="HQ")
    return _fitted(changed, round(len(samples) / factor))


def shift_pitch(samples: np.ndarray, semitones: float) -> np.ndarray:
    """`samples` with every frequency moved by `semitones`, as long as before, formants and all.

    Stretched in time by a phase vocoder (Flanagan and Golden 1966), then resampled back to its length.
    """
    if semitones == 0 or len(samples) < _WINDOW:
        return samples
    factor = 2 ** (semitones / 12)
    return _fitted(soxr.resample(_stretch(samples, factor), RATE * factor, RATE, quality="HQ"), len(samples))


def scale(samples: np.ndarray, decibels: float) -> np.ndarray:
    """`samples` louder by so many decibels; what passes full scale is cut off, as a recorder does."""
    return np.clip(samples * np.float32(10 ** (decibels / 20)), -1, 1)


def add_silence(samples: np.ndarray, before: float, after: float) -> np.ndarray:
    """`samples` between two silences of so many seconds."""
    return np.pad(samples, (round(before * RATE), round(after * RATE)))


def power(samples: np.ndarray) -> float:
    """Mean square of the frames that are not pauses: those within 30 dB of the loudest. A pause has no level."""
    count = len(samples) // _FRAME
    frames = samples[: count * _FRAME].reshape(count, _FRAME) if count else samples[None]
    frames = np.square(frames, dtype=np.float64).mean(axis=1)
    return float(frames[frames >= _ACTIVE * frames.max()].mean())


def add_noise(samples: np.ndarray, noise: np.ndarray, decibels: float, start: int = 0) -> np.ndarray:
    """`samples` with a recording of noise added at a signal-to-noise ratio in decibels, from its sample `start` on.

    The ratio is that of `power`: of speech while somebody speaks to noise while there is some. A recording that is too
    short is repeated, its end faded into its beginning. Where the part that is used is silent nothing is added.
    """
    loop = _loop(noise) if len(noise) < len(samples) + start else noise
    part = loop[(start + np.arange(len(samples))) % len(loop)]
    level = power(part)
    if not level:
        return samples
    return samples + part * np.float32(np.sqrt(power(samples) / level / 10 ** (decibels / 10)))


def reverberate(samples: np.ndarray, response: np.ndarray) -> np.ndarray:
    """`samples` as heard in the room of an impulse response, as long, as loud and at the same time as before.

    The delay of the direct sound, the response's peak, is taken out, so that labels stay where they are; the tail
    beyond the end is cut off.
    """
    direct = int(np.abs(response).argmax())
    size = _power_of_two(len(samples) + len(response) - 1)
    spectrum = np.fft.rfft(samples, size) * np.fft.rfft(response, size)
    heard = np.fft.irfft(spectrum, size)[direct : direct + len(samples)].astype(np.float32)
    level = np.sqrt(np.mean(np.square(heard, dtype=np.float64)))
    return heard * np.float32(np.sqrt(np.mean(np.square(samples, dtype=np.float64))) / level) if level else samples


def through_telephone(samples: np.ndarray) -> np.ndarray:
    """`samples` limited to 300 to 3400 Hz, as a telephone call at 8 kHz leaves them."""
    size = _power_of_two(len(samples) + RATE // 10)  # room for the filter to ring without coming round
    frequencies = np.fft.rfftfreq(size, 1 / RATE)
    low, high = _BAND
    passed = np.clip((frequencies - low) / _EDGE + 1, 0, 1) * np.clip((high - frequencies) / _EDGE + 1, 0, 1)
    return np.fft.irfft(np.fft.rfft(samples, size) * passed, size)[: len(samples)].astype(np.float32)


def _stretch(samples: np.ndarray, factor: float) -> np.ndarray:
    """`samples` made `factor` times as long at the same pitch."""
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    padded = np.pad(samples, _WINDOW)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    spectra = np.fft.rfft(frames * window)
    # Each frame of the result takes the magnitude from its place in time, and turns on by the phase between the two
    # frames around it.
    places = np.arange(0, len(spectra) - 1, 1 / factor)
    at = places.astype(int)
    part = (places - at)[:, None]
    magnitude = (1 - part) * np.abs(spectra[at]) + part * np.abs(spectra[at + 1])
    turns = np.angle(spectra[at + 1] * np.conj(spectra[at]))
    expected = 2 * np.pi * _HOP / _WINDOW * np.arange(spectra.shape[1])
    advance = expected + (turns - expected + np.pi) % (2 * np.pi) - np.pi
    phase = np.angle(spectra[0]) + np.concatenate([np.zeros_like(advance[:1]), np.cumsum(advance[:-1], axis=0)])
    pieces = np.fft.irfft(magnitude * np.exp(1j * phase), _WINDOW) * window
    out = np.zeros(_HOP * (len(pieces) - 1) + _WINDOW)
    for number, piece in enumerate(pieces):
        out[number * _HOP : number * _HOP + _WINDOW] += piece
    out /= 1.5  # what four overlapping squares of the window come to
    # The middle of a frame is what keeps its place in time.
    start = round(_WINDOW / 2 * (factor + 1))
    return _fitted(out[start:].astype(np.float32), round(len(samples) * factor))


def _loop(noise: np.ndarray) -> np.ndarray:
    """`noise` without its first moments, which its last ones have been faded into: a loop without a seam."""
    seam = min(_SEAM, len(noise) // 2)
    if not seam:
        return noise
    angle = np.linspace(0, np.pi / 2, seam, dtype=np.float32)  # keeps the power of sounds that are not alike
    faded = noise[-seam:] * np.cos(angle) + noise[:seam] * np.sin(angle)
    return np.concatenate([noise[seam:-seam], faded])


def _fitted(samples: np.ndarray, length: int) -> np.ndarray:
    return samples[:length] if len(samples) >= length else np.pad(samples, (0, length - len(samples)))


def _power_of_two(size: int) -> int:
    return 1 << (size - 1).bit_length()

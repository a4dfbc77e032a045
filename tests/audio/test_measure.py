from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest
import soxr

from hf_speech_tl.audio.measure import measure

RATE = 16_000


def syllables(level: float = -20.0, *, pause: float = 0.5, seed: int = 0) -> np.ndarray:
    """Ten seconds that go as speech does: words of four bursts of noise at so many dBFS, between pauses."""
    random = np.random.default_rng(seed)
    burst = np.r_[np.hanning(round(0.2 * RATE)), np.zeros(round(0.05 * RATE))]
    envelope = np.tile(np.r_[np.tile(burst, 4), np.zeros(round(pause * RATE))], 20)[: 10 * RATE]
    samples = envelope * random.normal(size=len(envelope))
    return samples / np.sqrt(np.mean(samples[envelope > 0.1] ** 2)) * 10 ** (level / 20)


def test_a_recording_sampled_at_8_khz_has_half_the_band() -> None:
    wide = syllables()
    narrow = soxr.resample(soxr.resample(wide, RATE, 8000), 8000, RATE)
    assert measure(wide).bandwidth > 7900
    assert measure(narrow).bandwidth == pytest.approx(4000, abs=100)


@pytest.mark.parametrize("snr", [10, 20, 30])
def test_noise_is_found_under_the_speech(snr: int) -> None:
    noise = np.random.default_rng(1).normal(0, 10 ** ((-20 - snr) / 20), 10 * RATE)
    # White noise is steadier than what people record, and is read as some 3 dB more.
    assert measure(syllables() + noise).snr == pytest.approx(snr - 3, abs=3)


def test_a_gain_moves_the_level_alone() -> None:
    quiet, loud = measure(syllables(-40)), measure(syllables(-20))
    assert quiet.level == pytest.approx(-40, abs=3)
    assert loud.level - quiet.level == pytest.approx(20)
    assert astuple(loud)[3:] == pytest.approx(astuple(quiet)[3:], abs=1e-3)


def test_what_is_clipped_is_counted() -> None:
    loud = np.clip(8 * syllables(), -1, 1)
    assert measure(loud).clipped == pytest.approx(np.mean(np.abs(loud) == 1), rel=0.05)
    assert measure(syllables()).clipped == 0


def test_a_room_draws_out_the_fall_and_noise_does_not() -> None:
    random = np.random.default_rng(2)
    time = np.arange(RATE) / RATE
    clean = syllables()
    tails = []
    for decay in (0.3, 0.6, 1.0):
        room = random.normal(size=len(time)) * 10 ** (-3 * time / decay)
        size = len(clean) + len(room)
        wet = np.fft.irfft(np.fft.rfft(clean, size) * np.fft.rfft(room, size), size)
        tails.append(measure(wet[: len(clean)]).tail)
    dry = measure(clean).tail
    noisy = measure(clean + random.normal(0, 0.03, len(clean))).tail
    assert dry + 0.1 < tails[0] < tails[1] - 0.1 < tails[2] - 0.2
    assert noisy == pytest.approx(dry, abs=0.05)


def test_pauses_are_silence_and_stops_are_not() -> None:
    # Words of 1 s between pauses of 1 s; 50 ms between the bursts of a word, which fade in and out.
    sound = measure(syllables(pause=1.0))
    assert sound.silence == pytest.approx(0.5, abs=0.1)
    assert sound.speech == pytest.approx(10 * (1 - sound.silence))
    assert measure(syllables(pause=0.1)).silence < 0.1


@pytest.mark.parametrize("samples", [1, 400, 1600])
def test_a_clip_too_short_for_a_tail_has_everything_else(samples: int) -> None:
    sound = measure(syllables()[1000 : 1000 + samples].astype(np.float32))
    assert math.isnan(sound.tail)
    assert np.isfinite([sound.bandwidth, sound.snr, sound.level, sound.clipped, sound.silence, sound.speech]).all()


def test_a_steady_sound_is_all_speech() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) / 2
    sound = measure(tone)
    assert sound.silence < 0.05
    assert sound.bandwidth < 1000
    assert sound.level == pytest.approx(-9.03, abs=0.1)

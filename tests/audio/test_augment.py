"""What each change does to a clip, exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hf_speech_tl.audio import RATE, decode
from hf_speech_tl.audio.augment import (
    add_noise,
    add_silence,
    change_speed,
    power,
    reverberate,
    scale,
    shift_pitch,
    through_telephone,
)


def tone(hertz: float, seconds: float = 2.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def loudest_hertz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.fft.rfftfreq(len(samples), 1 / RATE)[spectrum.argmax()])


def in_band(samples: np.ndarray, low: float, high: float) -> float:
    """The share of the power between two frequencies."""
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    return float(spectrum[(low <= frequencies) & (frequencies <= high)].sum() / spectrum.sum())


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.1, 1.07, 2.0])
@pytest.mark.parametrize("length", [7, 1_000, 16_001])
def test_speed_changes_length_and_pitch_by_the_factor(factor: float, length: int) -> None:
    changed = change_speed(noise(1.01)[:length], factor)
    assert changed.dtype == np.float32 and len(changed) == round(length / factor)
    assert loudest_hertz(change_speed(tone(500), factor)) == pytest.approx(500 * factor, abs=1)


def test_what_speed_pushes_beyond_the_band_does_not_fold_back() -> None:
    assert np.abs(change_speed(tone(7_800), 1.1)[500:-500]).max() < 1e-3


@pytest.mark.parametrize("semitones", [-3.0, -0.5, 1.0, 4.0])
def test_pitch_moves_frequencies_and_nothing_in_time(semitones: float) -> None:
    shifted = shift_pitch(tone(440), semitones)
    assert shifted.dtype == np.float32 and len(shifted) == 2 * RATE
    assert loudest_hertz(shifted) == pytest.approx(440 * 2 ** (semitones / 12), abs=1.5)
    burst = np.zeros(2 * RATE, np.float32)
    burst[16_000:17_600] = noise(0.1)
    energy = np.cumsum(np.square(shift_pitch(burst, semitones)))
    assert np.searchsorted(energy, energy[-1] / 2) == pytest.approx(16_800, abs=RATE * 0.02)
    np.testing.assert_array_equal(shift_pitch(burst[:500], semitones), burst[:500])  # too short to have a pitch


@pytest.mark.parametrize("decibels", [-5.0, 0.0, 5.0, 20.0])
@pytest.mark.parametrize("seconds", [0.01, 0.3, 5.0])
def test_noise_is_added_at_exactly_the_ratio(decibels: float, seconds: float) -> None:
    speech = tone(300)
    added = add_noise(speech, noise(seconds), decibels, start=40) - speech
    assert len(added) == len(speech)
    assert 10 * np.log10(power(speech) / power(added)) == pytest.approx(decibels, abs=0.01)


def test_pauses_have_no_part_in_the_ratio() -> None:
    speech = tone(300)
    paused = add_silence(speech, 3, 1)
    assert power(paused) == pytest.approx(power(speech), rel=0.02)
    barking = add_silence(noise(0.5), 0, 1.5)
    added = add_noise(speech, barking, 0) - speech
    assert power(added[:8_000]) == pytest.approx(power(speech), rel=0.02) and not added[8_000:].any()


def test_silence_adds_nothing() -> None:
    speech = tone(300)
    np.testing.assert_array_equal(add_noise(speech, np.zeros(100, np.float32), 5), speech)


def test_noise_that_is_too_short_comes_round_without_a_click() -> None:
    hum = tone(130.7, 0.5)  # of which no whole number of periods fits
    added = add_noise(np.full(5 * RATE, 0.1, np.float32), hum, 0) - np.float32(0.1)
    steps = np.abs(np.diff(added))
    assert steps.max() < 1.6 * np.quantile(steps, 0.99)


@pytest.mark.parametrize("direct", [0, 150, 1_000])
def test_a_room_keeps_time_level_and_length(direct: int) -> None:
    response = np.zeros(4_000, np.float32)
    response[direct], response[direct + 700] = 0.9, 0.3
    click = np.zeros(RATE, np.float32)
    click[5_000] = 0.5
    heard = reverberate(click, response)
    assert heard.dtype == np.float32 and len(heard) == RATE
    assert np.abs(heard).argmax() == 5_000 and heard[5_700] == pytest.approx(heard[5_000] / 3, rel=1e-4)
    assert np.square(heard).mean() == pytest.approx(np.square(click).mean(), rel=1e-4)
    np.testing.assert_allclose(reverberate(noise(1), response[direct : direct + 1]), noise(1), atol=1e-5)


def test_real_rooms_keep_time(shared: Path) -> None:
    click = np.zeros(RATE, np.float32)
    click[8_000] = 0.5
    for file in sorted((shared / "rir").glob("*.flac")):
        assert np.abs(reverberate(click, decode(file))).argmax() == 8_000, file.name


def test_a_telephone_has_its_band_alone() -> None:
    heard = through_telephone(noise(1))
    assert heard.dtype == np.float32 and len(heard) == RATE
    assert in_band(heard, 200, 3_500) > 0.999
    inside = tone(1_000)
    np.testing.assert_allclose(through_telephone(inside)[2_000:-2_000], inside[2_000:-2_000], atol=1e-3)


def test_louder_is_cut_off_at_full_scale() -> None:
    np.testing.assert_allclose(scale(tone(300), -20), tone(300) / 10, atol=1e-6)
    assert np.abs(scale(tone(300), 20)).max() == 1


def test_silence_goes_before_and_after() -> None:
    padded = add_silence(tone(300), 0.25, 0.5)
    assert len(padded) == 2.75 * RATE and not padded[:4_000].any() and not padded[-8_000:].any()
    np.testing.assert_array_equal(padded[4_000:-8_000], tone(300))

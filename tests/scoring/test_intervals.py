from __future__ import annotations

import numpy as np
import pytest

from hf_speech_tl.scoring.intervals import Units, choose_units, gain, interval


def _each(count: int) -> Units:
    return choose_units([None] * count)


def _counts(errors: np.ndarray, length: int) -> np.ndarray:
    return np.column_stack([errors, np.full(len(errors), length)])


def test_interval_has_the_width_of_the_normal_approximation() -> None:
    errors = (np.arange(2000) < 600).astype(int)
    found = interval(_counts(errors, 1), _each(2000))
    half = 1.96 * np.sqrt(0.3 * 0.7 / 2000)
    assert found.value == pytest.approx(0.3)
    assert found.low == pytest.approx(0.3 - half, abs=0.1 * half)
    assert found.high == pytest.approx(0.3 + half, abs=0.1 * half)


def test_interval_holds_the_truth_about_95_times_in_100() -> None:
    random = np.random.default_rng(0)
    held = 0
    for trial in range(100):
        found = interval(_counts(random.binomial(10, 0.2, size=150), 10), _each(150), seed=trial)
        held += found.low <= 0.2 <= found.high
    assert 89 <= held <= 99


def test_voices_that_differ_widen_the_interval() -> None:
    # Twelve speakers of forty utterances each; half of them are always understood, half never.
    wrong = np.repeat(np.arange(12) % 2, 40)
    speakers = [f"s{number}" for number in np.repeat(np.arange(12), 40)]
    over_utterances = interval(_counts(wrong, 1), _each(480))
    over_speakers = interval(_counts(wrong, 1), choose_units(speakers))
    assert over_speakers.value == over_utterances.value == 0.5
    # Of groups of forty that agree, the standard error is greater by the square root of forty.
    widths = [found.high - found.low for found in (over_speakers, over_utterances)]
    assert widths[0] / widths[1] == pytest.approx(np.sqrt(40), rel=0.15)


@pytest.mark.parametrize(("speakers", "kind"), [(9, "utterances"), (10, "speakers")])
def test_ten_known_speakers_are_enough(speakers: int, kind: str) -> None:
    assert choose_units([f"s{number}" for number in range(speakers)] * 2).kind == kind


def test_unknown_speakers_do_not_make_one_voice() -> None:
    units = choose_units([*(f"s{number}" for number in range(10)), "s0", None, None, ""])
    assert units.kind == "speakers"
    assert units.member.tolist() == [*range(10), 0, 10, 11, 12]


def test_the_seed_decides() -> None:
    counts = _counts(np.random.default_rng(1).binomial(8, 0.4, size=60), 8)
    assert interval(counts, _each(60), seed=3) == interval(counts, _each(60), seed=3)
    assert interval(counts, _each(60), seed=3) != interval(counts, _each(60), seed=4)


def test_drawing_in_parts_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = _counts(np.random.default_rng(1).binomial(8, 0.4, size=60), 8)
    whole = interval(counts, _each(60))
    monkeypatch.setattr("hf_speech_tl.scoring.intervals._DRAWS_AT_ONCE", 600)
    assert interval(counts, _each(60)) == whole


def test_resamples_without_any_text_are_left_out() -> None:
    counts = np.array([[1, 0], [0, 0], [1, 2]])
    found = interval(counts, _each(3))
    assert found.value == 1.0
    assert np.isfinite([found.low, found.high]).all()


def test_a_single_utterance_has_no_width() -> None:
    found = interval(np.array([[1, 4]]), _each(1))
    assert (found.low, found.value, found.high) == (0.25, 0.25, 0.25)


def test_a_small_steady_gain_is_seen_only_in_pairs() -> None:
    random = np.random.default_rng(0)
    hard = random.binomial(20, random.uniform(0, 0.8, size=300))
    theirs, ours = _counts(hard + 1, 20), _counts(hard + random.binomial(1, 0.5, size=300), 20)
    apart = [interval(counts, _each(300)) for counts in (ours, theirs)]
    assert apart[0].high > apart[1].low
    found = gain(ours, theirs, _each(300))
    assert found.value == pytest.approx(apart[1].value - apart[0].value)
    assert 0 < found.low < found.value < found.high
    assert found.p_value < 0.002


def test_a_gain_and_its_loss_are_mirrored() -> None:
    random = np.random.default_rng(2)
    a, b = (_counts(random.binomial(9, share, size=80), 9) for share in (0.3, 0.34))
    there, back = gain(a, b, _each(80)), gain(b, a, _each(80))
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))
    assert there.p_value == back.p_value


def test_p_values_of_equal_systems_are_even() -> None:
    random = np.random.default_rng(3)
    p_values = []
    for trial in range(100):
        a, b = (_counts(random.binomial(10, 0.3, size=100), 10) for _ in range(2))
        p_values.append(gain(a, b, _each(100), seed=trial).p_value)
    assert np.mean(np.array(p_values) < 0.05) <= 0.12
    assert 0.35 < np.mean(p_values) < 0.65


def test_a_system_against_itself_shows_nothing() -> None:
    counts = _counts(np.arange(50) % 3, 5)
    found = gain(counts, counts, _each(50))
    assert (found.value, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_pairs_need_the_same_references() -> None:
    with pytest.raises(ValueError, match="same references"):
        gain(np.array([[0, 4]]), np.array([[0, 5]]), _each(1))

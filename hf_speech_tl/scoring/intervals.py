"""Bootstrap intervals for error rates and for the difference of two systems on the same utterances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hf_speech_tl.scoring.edits import rate

RESAMPLES = 2000
# Utterances of one voice rise and fall together; with fewer voices than this their resamples say nothing of others.
_ENOUGH_SPEAKERS = 10
# Draws held at a time, so that a large test set does not ask for gigabytes.
_DRAWS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Units:
    """What is drawn again and again: `member` (utterances,) holds the number of the unit of each utterance."""

    member: np.ndarray
    kind: Literal["utterances", "speakers"]


@dataclass(frozen=True)
class Interval:
    """An error rate and the 95 % interval around it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Gain:
    """The baseline's error rate minus ours (above 0: ours is better), its 95 % interval and two-sided p-value."""

    value: float
    low: float
    high: float
    p_value: float


def choose_units(speakers: Sequence[str | None]) -> Units:
    """Speakers where ten or more are known, else utterances. An utterance of an unknown speaker is a unit by itself."""
    known = {speaker for speaker in speakers if speaker}
    if len(known) < _ENOUGH_SPEAKERS:
        return Units(np.arange(len(speakers)), "utterances")
    number: dict[str | int, int] = {}
    keys: list[str | int] = [speaker or position for position, speaker in enumerate(speakers)]
    return Units(np.array([number.setdefault(key, len(number)) for key in keys]), "speakers")


def interval(edits: np.ndarray, units: Units, *, seed: int = 0) -> Interval:
    """95 % percentile bootstrap of an error rate from (utterances, 2) counts of edits and lengths.

    Bisani and Ney (2004), Bootstrap estimates for confidence intervals in ASR performance evaluation, ICASSP.
    DataError where all references are empty.
    """
    value = rate(edits)
    errors, lengths = _resample(edits, units, seed).T
    low, high = _percentiles(errors[lengths > 0] / lengths[lengths > 0])
    return Interval(value, low, high)


def mean_interval(parts: Sequence[tuple[np.ndarray, Units]], *, seed: int = 0) -> Interval:
    """The mean of the error rates of several sets of utterances, each counting alike, and its 95 % interval.

    parts: (utterances, 2) counts and units of each set, of which every one is resampled by itself. DataError where all
    references of a set are empty.
    """
    value = float(np.mean([rate(edits) for edits, _ in parts]))
    drawn = [_resample(edits, units, seed + at) for at, (edits, units) in enumerate(parts)]
    full = np.all([counts[:, 1] > 0 for counts in drawn], axis=0)
    low, high = _percentiles(np.mean([counts[full, 0] / counts[full, 1] for counts in drawn], axis=0))
    return Interval(value, low, high)


def gain(edits: np.ndarray, baseline: np.ndarray, units: Units, *, seed: int = 0) -> Gain:
    """Paired bootstrap of two systems' counts, each (utterances, 2), over the same utterances in the same order.

    Each resample draws the same units for both. The p-value is twice the smaller share of resamples on one side of
    zero, counting the observed one: Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 16.
    ValueError where the references differ, DataError where all of them are empty.
    """
    return mean_gain([edits], [baseline], units, seed=seed)


def mean_gain(edits: Sequence[np.ndarray], baselines: Sequence[np.ndarray], units: Units, *, seed: int = 0) -> Gain:
    """The mean gain of several trainings of a system, each paired with the training of the baseline that had its seed.

    edits, baselines: as for `gain`, one of each seed. Each resample draws the units, the same for all, and of several
    seeds as many with replacement: the interval is then also over what another seed would have given, as far as so few
    tell. Raises as `gain`.
    """
    for ours, theirs in zip(edits, baselines, strict=True):
        if not np.array_equal(ours[:, 1], theirs[:, 1]) or not np.array_equal(ours[:, 1], edits[0][:, 1]):
            raise ValueError("a paired comparison needs both systems' counts against the same references")
    value = float(np.mean([rate(theirs) - rate(ours) for ours, theirs in zip(edits, baselines, strict=True)]))
    fewer = [theirs[:, 0] - ours[:, 0] for ours, theirs in zip(edits, baselines, strict=True)]
    drawn = _resample(np.column_stack([edits[0][:, 1], *fewer]), units, seed)
    drawn = drawn[drawn[:, 0] > 0]
    by_seed = drawn[:, 1:] / drawn[:, :1]
    if len(edits) > 1:
        chosen = np.random.default_rng([seed, len(edits)]).integers(len(edits), size=by_seed.shape)
        by_seed = np.take_along_axis(by_seed, chosen, axis=1)
    differences = by_seed.mean(axis=1)
    low, high = _percentiles(differences)
    rarer = min((differences <= 0).sum(), (differences >= 0).sum())
    return Gain(value, low, high, float(min(1.0, 2 * (rarer + 1) / (len(differences) + 1))))


def _resample(counts: np.ndarray, units: Units, seed: int) -> np.ndarray:
    """Sums of (utterances, columns) counts over units drawn with replacement: (RESAMPLES, columns)."""
    sums = np.zeros((int(units.member.max()) + 1, counts.shape[1]), dtype=np.int64)
    np.add.at(sums, units.member, counts)
    random = np.random.default_rng(seed)
    rows = max(1, _DRAWS_AT_ONCE // len(sums))
    # Contiguous columns: drawing from rows took four times as long.
    columns = np.ascontiguousarray(sums.T)
    parts = []
    for done in range(0, RESAMPLES, rows):
        drawn = random.integers(len(sums), size=(min(rows, RESAMPLES - done), len(sums)))
        parts.append(np.stack([column[drawn].sum(axis=1) for column in columns], axis=1))
    return np.concatenate(parts)


def _percentiles(rates: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(rates, [2.5, 97.5])
    return float(low), float(high)

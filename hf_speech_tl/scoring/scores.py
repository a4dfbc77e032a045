"""What results.json says of a system on a split: error rates with intervals, and the comparison with another system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

import numpy as np

from hf_speech_tl.scoring.edits import character_edits, word_edits
from hf_speech_tl.scoring.intervals import Gain, Interval, choose_units, gain, interval


class Rate(TypedDict):
    """An error rate as a fraction, with its 95 % interval."""

    value: float
    low: float
    high: float


class Scores(TypedDict):
    """A system on a split. `interval` names what the bootstrap drew; `wer` is None where words are not spaced."""

    cer: Rate
    wer: Rate | None
    utterances: int
    split: str
    interval: Literal["utterances", "speakers"]


class Difference(TypedDict):
    """The baseline's rate minus ours (above 0: ours is better), its 95 % interval, and the two-sided p-value."""

    gain: float
    low: float
    high: float
    p_value: float


class Comparison(TypedDict):
    """Two systems on the same utterances."""

    cer: Difference
    wer: Difference | None
    utterances: int
    interval: Literal["utterances", "speakers"]


def score(
    references: Sequence[str],
    hypotheses: Sequence[str],
    spaced: bool,
    speakers: Sequence[str | None],
    *,
    split: str,
    seed: int = 0,
) -> Scores:
    """CER and WER of `hypotheses`, summed over the corpus before dividing, with bootstrap intervals.

    `spaced` is whether the units trained are separated by spaces: then spaces count in the CER and there is a WER.
    DataError where all references are empty, ValueError where the sequences differ in number.
    """
    _check_speakers(speakers, references)
    units = choose_units(speakers)
    characters = character_edits(references, hypotheses, spaced=spaced)
    words = word_edits(references, hypotheses) if spaced else None
    return {
        "cer": _rate(interval(characters, units, seed=seed)),
        "wer": None if words is None else _rate(interval(words, units, seed=seed)),
        "utterances": len(references),
        "split": split,
        "interval": units.kind,
    }


def compare(
    references: Sequence[str],
    hypotheses: Sequence[str],
    baseline: Sequence[str],
    spaced: bool,
    speakers: Sequence[str | None],
    *,
    seed: int = 0,
) -> Comparison:
    """Paired bootstrap of `hypotheses` against the `baseline` system's on the same utterances. Raises as `score`."""
    _check_speakers(speakers, references)
    units = choose_units(speakers)

    def difference(ours: np.ndarray, theirs: np.ndarray) -> Difference:
        return _difference(gain(ours, theirs, units, seed=seed))

    return {
        "cer": difference(*(character_edits(references, texts, spaced=spaced) for texts in (hypotheses, baseline))),
        "wer": difference(*(word_edits(references, texts) for texts in (hypotheses, baseline))) if spaced else None,
        "utterances": len(references),
        "interval": units.kind,
    }


def _rate(interval: Interval) -> Rate:
    return {"value": interval.value, "low": interval.low, "high": interval.high}


def _difference(gain: Gain) -> Difference:
    return {"gain": gain.value, "low": gain.low, "high": gain.high, "p_value": gain.p_value}


def _check_speakers(speakers: Sequence[str | None], references: Sequence[str]) -> None:
    if len(speakers) != len(references):
        raise ValueError(f"{len(speakers)} speakers stand against {len(references)} references")

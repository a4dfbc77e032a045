"""What results.json says of a system on a split: error rates with intervals, and the comparison with another system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

import numpy as np

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


def score(edits: np.ndarray, spaced: bool, speakers: Sequence[str | None], *, split: str, seed: int = 0) -> Scores:
    """CER and WER of a system, summed over the corpus before dividing, with bootstrap intervals.

    `edits` (utterances, 4) holds a row of utterance_edits each. `spaced` is whether the units trained are separated by
    spaces: then spaces count in the CER and there is a WER. DataError where all references are empty, ValueError where
    the speakers are not as many as the utterances.
    """
    _check_speakers(speakers, edits)
    units = choose_units(speakers)
    return {
        "cer": _rate(interval(edits[:, :2], units, seed=seed)),
        "wer": _rate(interval(edits[:, 2:], units, seed=seed)) if spaced else None,
        "utterances": len(edits),
        "split": split,
        "interval": units.kind,
    }


def compare(
    edits: np.ndarray, baseline: np.ndarray, spaced: bool, speakers: Sequence[str | None], *, seed: int = 0
) -> Comparison:
    """Paired bootstrap of a system's edits against the `baseline` system's on the same utterances. Raises as `score`,
    and ValueError where the references differ."""
    _check_speakers(speakers, edits)
    units = choose_units(speakers)
    return {
        "cer": _difference(gain(edits[:, :2], baseline[:, :2], units, seed=seed)),
        "wer": _difference(gain(edits[:, 2:], baseline[:, 2:], units, seed=seed)) if spaced else None,
        "utterances": len(edits),
        "interval": units.kind,
    }


def _rate(interval: Interval) -> Rate:
    return {"value": interval.value, "low": interval.low, "high": interval.high}


def _difference(gain: Gain) -> Difference:
    return {"gain": gain.value, "low": gain.low, "high": gain.high, "p_value": gain.p_value}


def _check_speakers(speakers: Sequence[str | None], edits: np.ndarray) -> None:
    if len(speakers) != len(edits):
        raise ValueError(f"{len(speakers)} speakers stand against {len(edits)} utterances")

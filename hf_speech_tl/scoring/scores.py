"""What results.json says of a system on a split: error rates with intervals, and the comparison with another system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict

import numpy as np

from hf_speech_tl.scoring.intervals import Gain, Interval, choose_units, gain, interval, mean_gain, mean_interval


class Rate(TypedDict):
    """An error rate as a fraction, with its 95 % interval."""

    value: float
    low: float
    high: float


class LanguageScores(TypedDict):
    """A system on the utterances of one language. `interval` names what the bootstrap drew; `wer` is None where words
    are not spaced."""

    cer: Rate
    wer: Rate | None
    utterances: int
    interval: Literal["utterances", "speakers"]


class Scores(LanguageScores):
    """A system on a split. Where that is in several languages, the rates are of all utterances together, `languages`
    has those of each by its tag, and `mean_cer` is the mean of their CERs, in which each language counts alike."""

    split: str
    languages: NotRequired[dict[str, LanguageScores]]
    mean_cer: NotRequired[Rate]


class Difference(TypedDict):
    """The baseline's rate minus ours (above 0: ours is better), its 95 % interval, and the two-sided p-value."""

    gain: float
    low: float
    high: float
    p_value: float


class Comparison(TypedDict):
    """Two systems on the same utterances. seeds: how many times both were trained, where that was more than once."""

    cer: Difference
    wer: Difference | None
    utterances: int
    interval: Literal["utterances", "speakers"]
    seeds: NotRequired[int]


def score(
    edits: np.ndarray,
    spaced: bool,
    speakers: Sequence[str | None],
    *,
    split: str,
    languages: Sequence[str] | None = None,
    seed: int = 0,
) -> Scores:
    """CER and WER of a system, summed over the corpus before dividing, with bootstrap intervals.

    `edits` (utterances, 4) holds a row of utterance_edits each. `spaced` is whether the units trained are separated by
    spaces in all of them: then there is a WER. `languages` are the tags of the utterances: several are scored one by
    one too, with a WER where the edits of words are those of a spaced language. DataError where all references are
    empty, ValueError where speakers or languages are not as many as the utterances.
    """
    _check_number(speakers, "speakers", edits)
    scores: Scores = {**_scores(edits, spaced, speakers, seed), "split": split}
    if languages is not None:
        _check_number(languages, "languages", edits)
    tags = sorted(set(languages or ()))
    if len(tags) > 1:
        spoken = np.array(languages)
        rows = {tag: np.flatnonzero(spoken == tag) for tag in tags}
        voices = {tag: [speakers[at] for at in places.tolist()] for tag, places in rows.items()}
        scores["languages"] = {
            tag: _scores(edits[places], bool(edits[places, 3].any()), voices[tag], seed) for tag, places in rows.items()
        }
        parts = [(edits[places, :2], choose_units(voices[tag])) for tag, places in rows.items()]
        scores["mean_cer"] = _rate(mean_interval(parts, seed=seed))
    return scores


def compare(
    edits: np.ndarray, baseline: np.ndarray, spaced: bool, speakers: Sequence[str | None], *, seed: int = 0
) -> Comparison:
    """Paired bootstrap of a system's edits against the `baseline` system's on the same utterances. Raises as `score`,
    and ValueError where the references differ."""
    _check_number(speakers, "speakers", edits)
    units = choose_units(speakers)
    return {
        "cer": _difference(gain(edits[:, :2], baseline[:, :2], units, seed=seed)),
        "wer": _difference(gain(edits[:, 2:], baseline[:, 2:], units, seed=seed)) if spaced else None,
        "utterances": len(edits),
        "interval": units.kind,
    }


def compare_seeds(
    edits: Sequence[np.ndarray],
    baselines: Sequence[np.ndarray],
    spaced: bool,
    speakers: Sequence[str | None],
    *,
    seed: int = 0,
) -> Comparison:
    """As `compare`, of systems that were trained several times: the mean gain, over utterances and over seeds."""
    if len(edits) == 1:
        return compare(edits[0], baselines[0], spaced, speakers, seed=seed)
    _check_number(speakers, "speakers", edits[0])
    units = choose_units(speakers)
    characters, words = slice(None, 2), slice(2, None)

    def difference(of: slice) -> Difference:
        return _difference(
            mean_gain([one[:, of] for one in edits], [one[:, of] for one in baselines], units, seed=seed)
        )

    return {
        "cer": difference(characters),
        "wer": difference(words) if spaced else None,
        "utterances": len(edits[0]),
        "interval": units.kind,
        "seeds": len(edits),
    }


def _scores(edits: np.ndarray, spaced: bool, speakers: Sequence[str | None], seed: int) -> LanguageScores:
    units = choose_units(speakers)
    return {
        "cer": _rate(interval(edits[:, :2], units, seed=seed)),
        "wer": _rate(interval(edits[:, 2:], units, seed=seed)) if spaced else None,
        "utterances": len(edits),
        "interval": units.kind,
    }


def _rate(interval: Interval) -> Rate:
    return {"value": interval.value, "low": interval.low, "high": interval.high}


def _difference(gain: Gain) -> Difference:
    return {"gain": gain.value, "low": gain.low, "high": gain.high, "p_value": gain.p_value}


def _check_number(said: Sequence[str | None], what: str, edits: np.ndarray) -> None:
    if len(said) != len(edits):
        raise ValueError(f"{len(said)} {what} stand against {len(edits)} utterances")

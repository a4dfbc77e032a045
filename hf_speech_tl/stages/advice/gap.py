"""Where recordings that a model will meet lie beyond those it learns from, and the augmentation that reaches there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import yaml

from hf_speech_tl.settings.augmentation import KINDS

_CHANCE = 0.1  # of the clips met beyond the 10th or 90th percentile of those learnt from, where both are alike
_OUTSIDE = 0.3  # of them: no longer a few
_NARROW = 5000  # Hz: below, a recording has little more than the band of a telephone
_FACTORS = (0.8, 1.25)  # of --augment speed, and no further: another language's rate is not reached by playing faster


@dataclass(frozen=True)
class Measure:
    """One thing that is compared.

    step: the smallest difference that is worth a word, in the measure's unit, or as a factor where `ratio` is true.
    digits: after the decimal point.
    """

    title: str
    unit: str
    step: float
    digits: int = 0
    ratio: bool = False


# The steps: a telephone takes 4,000 Hz, default noise comes at 5 to 20 dB, default speed goes from 0.9 to 1.1.
MEASURES: Mapping[str, Measure] = {
    "bandwidth": Measure("bandwidth", "Hz", 1000),
    "snr": Measure("SNR", "dB", 5),
    "tail": Measure("reverberant tail", "s", 0.1, 2),
    "level": Measure("level of speech", "dBFS", 6),
    "clipped": Measure("clipped samples", "%", 1, 1),
    "rate": Measure("rate of speech", "letters/s", 1.1, 1, ratio=True),
    "silence": Measure("silence", "%", 15),
    "seconds": Measure("length", "s", 1.3, 1, ratio=True),
}


@dataclass(frozen=True)
class Spread:
    """10th, 50th and 90th percentile of a measure over the clips that it could be taken of, and how many these are."""

    low: float
    median: float
    high: float
    clips: int


@dataclass(frozen=True)
class Remedy:
    """What to do about a gap: an entry of `augment:` in YAML, or None where no augmentation helps; and the words."""

    augment: str | Mapping[str, object] | None
    words: str


@dataclass(frozen=True)
class Gap:
    """How the clips met differ from those learnt from, in one measure.

    more: whether those met reach up or down. outside: the share of them beyond the 90th or 10th percentile of those
    learnt from (0.1 by chance). steps: how much further their own goes, in steps of the measure. remedy: where the gap
    stands out and what is met is harder: noisier, say, not cleaner.
    """

    measure: str
    learnt: Spread
    met: Spread
    more: bool
    outside: float
    steps: float
    remedy: Remedy | None = None


@dataclass(frozen=True)
class Pair:
    """Two sets of clips by name, those learnt from and those met, and the gaps between them, largest first."""

    learnt: str
    met: str
    gaps: list[Gap]

    @property
    def augment(self) -> list[str | Mapping[str, object]]:
        """The value of `augment:` that all remedies together come to."""
        return [gap.remedy.augment for gap in self.gaps if gap.remedy and gap.remedy.augment is not None]


def find_gaps(
    learnt: Mapping[str, Sequence[float]], met: Mapping[str, Sequence[float]], *, noise: str = "DIR", rir: str = "DIR"
) -> list[Gap]:
    """The gap of each measure, largest first; those with a remedy before the others.

    `learnt` and `met` hold a value a clip by the keys of MEASURES; NaN stands for a clip that was too short to say. A
    gap stands out where at least three tenths of the clips met lie beyond the 10th or 90th percentile of those learnt
    from, of few clips more, and their own percentile a step or more beyond it. `noise` and `rir` are the folders that
    remedies name.
    """
    pairs = {
        key: (values, others)
        for key in MEASURES
        if len(values := _finite(learnt[key])) and len(others := _finite(met[key]))
    }
    gaps = [_gap(key, *pair) for key, pair in pairs.items()]
    standing = {gap.measure: gap for gap in gaps if _stands_out(gap)}
    room = "tail" in standing and standing["tail"].more
    noisy = "snr" in standing and not standing["snr"].more
    told = [
        replace(gap, remedy=_remedy(gap, noise, rir, room=room, noisy=noisy)) if gap.measure in standing else gap
        for gap in gaps
    ]
    return sorted(told, key=lambda gap: (gap.remedy is None, -gap.steps))


def describe(pair: Pair) -> str:
    """A table of the gaps, then the remedies, and what they come to as YAML."""
    clips = [max((getattr(gap, side).clips for gap in pair.gaps), default=0) for side in ("learnt", "met")]
    rows = [("median (10 to 90 %) of", "learnt from", "met", "of these beyond")]
    rows += [
        (_heading(gap.measure), _words(gap.measure, gap.learnt), _words(gap.measure, gap.met), _beyond(gap))
        for gap in pair.gaps
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"{pair.met} ({clips[1]} clips), for a model that learns from {pair.learnt} ({clips[0]} clips)", ""]
    lines += ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    remedies = [gap.remedy for gap in pair.gaps if gap.remedy]
    lines += ["", *(f"- {remedy.words}" for remedy in remedies)] if remedies else ["", "Nothing stands out."]
    if pair.augment:
        entries = yaml.safe_dump(pair.augment, default_flow_style=True, width=10**6).strip()
        lines.append(f"augment: {entries}  # in place of the default: add mask where the model has it")
    return "\n".join(lines)


def panels(pairs: Sequence[Pair]) -> dict[str, list[tuple[str, Spread, bool]]]:
    """What is to be drawn, by the heading of each measure: name, spread, and whether it stands out, of every set."""
    drawn: dict[str, list[tuple[str, Spread, bool]]] = {}
    target, *sources = pairs
    for key in MEASURES:
        rows = [
            (pair.learnt, gap.learnt, bool(gap.remedy)) for pair in sources for gap in pair.gaps if gap.measure == key
        ]
        for gap in target.gaps:
            if gap.measure == key:
                rows += [(target.learnt, gap.learnt, False), (target.met, gap.met, bool(gap.remedy))]
        if rows:
            drawn[_heading(key)] = rows
    return drawn


def _heading(key: str) -> str:
    return f"{MEASURES[key].title}, {MEASURES[key].unit}"


def _words(key: str, spread: Spread) -> str:
    median, low, high = (f"{value:.{MEASURES[key].digits}f}" for value in (spread.median, spread.low, spread.high))
    return f"{median} ({low} to {high})"


def _beyond(gap: Gap) -> str:
    return f"{100 * gap.outside:.0f} % {'above' if gap.more else 'below'}"


def _finite(values: Sequence[float]) -> np.ndarray:
    array = np.asarray(values, float)
    return array[np.isfinite(array)]


def _gap(key: str, learnt: np.ndarray, met: np.ndarray) -> Gap:
    mine, theirs = _spread(learnt), _spread(met)
    down = Gap(key, mine, theirs, False, float(np.mean(met < mine.low)), _steps(key, mine.low, theirs.low))
    up = Gap(key, mine, theirs, True, float(np.mean(met > mine.high)), _steps(key, theirs.high, mine.high))
    return max(down, up, key=lambda gap: (_stands_out(gap), gap.steps))


def _stands_out(gap: Gap) -> bool:
    # Of few clips more lie there by accident: three standard errors.
    error = math.sqrt(_CHANCE * (1 - _CHANCE) * (1 / gap.met.clips + 1 / gap.learnt.clips))
    return gap.steps >= 1 and gap.outside >= max(_OUTSIDE, _CHANCE + 3 * error)


def _spread(values: np.ndarray) -> Spread:
    low, median, high = np.quantile(values, (0.1, 0.5, 0.9))
    return Spread(float(low), float(median), float(high), len(values))


def _steps(key: str, more: float, less: float) -> float:
    measure = MEASURES[key]
    if measure.ratio:
        return math.log(max(more, 1e-9) / max(less, 1e-9)) / math.log(measure.step)
    return (more - less) / measure.step


def _remedy(gap: Gap, noise: str, rir: str, *, room: bool, noisy: bool) -> Remedy | None:
    """None where what is met is easier than what is learnt from."""
    learnt, met = gap.learnt, gap.met
    match gap.measure, gap.more:
        case "bandwidth", False if met.low < _NARROW:
            return Remedy("telephone", "narrower band: --augment telephone")
        case "bandwidth", False:
            words = f"narrower band, {met.low:.0f} Hz: --augment telephone would go much further, to 3,400 Hz"
            return Remedy(None, words)
        case "bandwidth", True if noisy:
            return None  # noise fills the band
        case "bandwidth", True:
            return Remedy(None, "wider band: nothing adds what a recording lacks; look for recordings of this band")
        case "snr", False if room:
            return Remedy(
                None, "lower SNR, in which the tail of a room counts as noise: see the reverberant tail first"
            )
        case "snr", False:
            lowest, highest = int(KINDS["noise"].lowest), int(KINDS["noise"].highest)
            low = min(max(lowest, math.floor(met.low)), highest - 1)
            high = min(max(low + 1, math.ceil(min(met.high, learnt.median))), highest)
            words = f"noisier: --augment noise={noise}, at {low} to {high} dB"
            return Remedy({"noise": {"dir": noise, "snr": [low, high]}}, words)
        case "tail", True:
            return Remedy(f"rir={rir}", f"more reverberant: --augment rir={rir}")
        case "level", _:
            low, high = min(0, math.floor(met.low - learnt.low)), max(0, math.ceil(met.high - learnt.high))
            words = f"{'louder' if gap.more else 'quieter'}: --augment gain, {low} to {high} dB; no matter to a model "
            return Remedy({"gain": {"decibels": [low, high]}}, words + "that normalises each clip (do_normalize)")
        case "clipped", True:
            return Remedy(None, "clipped more often: no augmentation does that; record at a lower level")
        case "rate", _ if noisy:
            return Remedy(None, "another rate of speech, whose pauses are hard to tell in noise: see the SNR first")
        case "rate", _:
            factor = met.high / learnt.high if gap.more else met.low / learnt.low
            factor = round(min(max(factor, _FACTORS[0]), _FACTORS[1]), 2)
            words = f"{'faster' if gap.more else 'slower'}: --augment speed, with {factor:g} among its factors"
            return Remedy({"speed": {"factors": sorted((1.0, factor))}}, words)
        case "silence", True if noisy or room:
            return None  # there pauses are hard to tell from weak speech
        case "silence", True:
            return Remedy("silence", "longer pauses: --augment silence")
        case "seconds", True:
            words = "longer: see that --max-seconds leaves out neither these nor the longest to learn from"
            return Remedy(None, words + ", or cut them at pauses")
        case "seconds", False:
            return Remedy(None, "shorter: add short recordings; --max-seconds does not matter")
    return None

"""What is known of candidates to learn from, the order in which that puts them, and whether it was right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Criterion:
    """One way to put candidates in order. key: in JSON; title: of its column; says: what it is; more: whether a higher
    figure is better."""

    key: str
    title: str
    says: str
    more: bool = False


CRITERIA = (
    Criterion("sounds", "sounds", "how far the target's sounds are from the nearest of the source's, % of features"),
    Criterion("letters", "letters", "romanised letters, pairs and triples that source and target do not share, %"),
    Criterion("hours", "hours", "of training recordings", more=True),
    Criterion("probe", "probe", "CER of a linear layer, taught some minutes of the target, on the frozen encoder, %"),
    Criterion("zero_shot", "zero-shot", "CER of what the model writes of the target without having learnt it, %"),
)
# Lin et al., Choosing Transfer Languages for Cross-Lingual Learning (ACL 2019), on text: a ranking learnt from many
# criteria does better than any of them alone.
CAUTION = (
    "No single criterion wins (Lin et al. 2019): the overall order is the mean of the ranks of those that every "
    "candidate has, and a guess. What each source is worth, only transfer from each of them tells."
)


@dataclass(frozen=True)
class Figure:
    """What a criterion says of a candidate, shares as such; its 95 % interval where it was measured on utterances."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Evidence:
    """All that was found out about a candidate: figures by the key of their criterion, where there are any, and what a
    reader should know beside them."""

    candidate: str
    figures: Mapping[str, Figure]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recommendation:
    """evidence: a candidate each, in the order in which they were given; notes: what holds for all of them."""

    target: str
    evidence: tuple[Evidence, ...]
    notes: tuple[str, ...] = ()

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """Those that tell of any candidate."""
        return tuple(one for one in CRITERIA if any(one.key in evidence.figures for evidence in self.evidence))

    @property
    def counted(self) -> tuple[Criterion, ...]:
        """Those that tell of every candidate: only these decide."""
        return tuple(one for one in CRITERIA if all(one.key in evidence.figures for evidence in self.evidence))

    def order_by(self, criterion: Criterion) -> list[str]:
        """The candidates that it tells of, the best one first."""
        return _sorted(self.ranks(criterion))

    @property
    def mean_ranks(self) -> dict[str, float]:
        """The mean of each candidate's ranks by the criteria that count, 1 for the first; empty where none counts."""
        ranks = [self.ranks(criterion) for criterion in self.counted]
        return {one.candidate: float(np.mean([of[one.candidate] for of in ranks])) for one in self.evidence if ranks}

    @property
    def order(self) -> list[str]:
        """The candidates by the mean of their ranks, the best one first; equal ones as they were given."""
        return _sorted(self.mean_ranks)

    def ranks(self, criterion: Criterion) -> dict[str, float]:
        """1 for the best figure; equal ones share the mean of their places."""
        known = {
            one.candidate: one.figures[criterion.key].value for one in self.evidence if criterion.key in one.figures
        }
        signed = {name: -value if criterion.more else value for name, value in known.items()}
        places = sorted(signed.values())
        return {name: places.index(value) + (places.count(value) + 1) / 2 for name, value in signed.items()}

    def __str__(self) -> str:
        return describe(self)

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "target": self.target,
            "order": self.order,
            "mean_ranks": self.mean_ranks,
            "counted": [one.key for one in self.counted],
            "orders": {one.key: self.order_by(one) for one in self.criteria},
            "evidence": [asdict(one) for one in self.evidence],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Verdict:
    """What following an order would have cost. by: the title of a criterion, or `overall`; cer and best: what its first
    candidate and the best of all reached, as shares."""

    by: str
    choice: str
    cer: float
    best: str
    best_cer: float

    @property
    def hit(self) -> bool:
        """Whether nothing was lost."""
        return self.cer <= self.best_cer

    @property
    def lost(self) -> float:
        """CER above the best candidate's."""
        return self.cer - self.best_cer


def check(recommendation: Recommendation, reached: Mapping[str, float]) -> list[Verdict]:
    """The order of all criteria together, then each criterion's own, against the CER that each candidate led to."""
    best = min(reached, key=lambda name: reached[name])
    orders = {"overall": recommendation.order}
    orders |= {one.title: recommendation.order_by(one) for one in recommendation.counted}
    return [Verdict(by, order[0], reached[order[0]], best, reached[best]) for by, order in orders.items() if order]


def describe(recommendation: Recommendation, verdicts: Sequence[Verdict] = ()) -> str:
    """The evidence as a table, each criterion's order, the overall one, and how right they were."""
    criteria, ranks = recommendation.criteria, recommendation.mean_ranks
    rows = [["candidate", *(one.title for one in criteria), *(["mean rank"] if ranks else [])]]
    for one in sorted(recommendation.evidence, key=lambda one: ranks.get(one.candidate, 0.0)):
        cells = [_cell(criterion, one.figures.get(criterion.key)) for criterion in criteria]
        rows.append([one.candidate, *cells, *([f"{ranks[one.candidate]:.2f}"] if ranks else [])])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"target: {recommendation.target}", ""]
    lines += ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += ["", *(f"{one.title}: {one.says}" for one in criteria), ""]
    for criterion in criteria:
        aside = "" if criterion in recommendation.counted else " (not counted: it does not tell of all)"
        lines.append(f"by {criterion.title}: {_chain(recommendation.ranks(criterion))}{aside}")
    lines.append(f"overall: {_chain(ranks) or 'no criterion tells of all of them'}")
    lines += [f"{one.candidate}: {note}" for one in recommendation.evidence for note in one.notes]
    lines += [*recommendation.notes, CAUTION]
    lines += [_judged(verdict) for verdict in verdicts]
    return "\n".join(lines)


def _sorted(ranks: Mapping[str, float]) -> list[str]:
    return sorted(ranks, key=lambda name: ranks[name])


def _chain(ranks: Mapping[str, float]) -> str:
    """The names in their order, with > between them, and = between equal ones."""
    order = _sorted(ranks)
    signs = [" = " if ranks[one] == ranks[other] else " > " for one, other in pairwise(order)]
    return "".join(word for pair in zip(order, [*signs, ""], strict=True) for word in pair) if order else ""


def _cell(criterion: Criterion, figure: Figure | None) -> str:
    if figure is None:
        return "-"
    if criterion.key == "hours":
        return f"{figure.value:.2f}"
    if figure.low is None or figure.high is None:
        return f"{100 * figure.value:.1f}"
    return f"{100 * figure.value:.1f} ({100 * figure.low:.1f} to {100 * figure.high:.1f})"


def _judged(verdict: Verdict) -> str:
    if verdict.hit:
        return f"{verdict.by}: hit, {verdict.choice} reached the lowest CER, {100 * verdict.cer:.1f} %"
    return (
        f"{verdict.by}: missed, {verdict.choice} reached {100 * verdict.cer:.1f} %, {100 * verdict.lost:.1f} points of "
        f"CER above {verdict.best}"
    )

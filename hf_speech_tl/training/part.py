"""What one training is of a longer work: shown beside it, and the last that is done where the work is to stop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """What one training is of a longer work. name: of the work, with the part's place in it; begins, ends: where the
    part stands in the whole, as shares of it."""

    name: str
    begins: float
    ends: float


@dataclass
class _UnderWay:
    part: Part
    stops_after: bool = False


_UNDER_WAY: ContextVar[_UnderWay | None] = ContextVar("part", default=None)


@contextmanager
def as_part(part: Part) -> Iterator[None]:
    """Inside, trainings show the whole that they are part of beside themselves; a part of a part is a share of it.

    Raises KeyboardInterrupt at the end of a part after which the work is to stop, unless that is the last of all.
    """
    if around := part_under_way():
        begins, ends = (around.begins + (around.ends - around.begins) * share for share in (part.begins, part.ends))
        part = Part(f"{around.name}, {part.name}", begins, ends)
    this = _UnderWay(part)
    token = _UNDER_WAY.set(this)
    try:
        yield
    finally:
        _UNDER_WAY.reset(token)
    if this.stops_after and part.ends < 1:
        raise KeyboardInterrupt


def part_under_way() -> Part | None:
    """The part that a training here is, None of one that stands alone."""
    this = _UNDER_WAY.get()
    return this.part if this else None


def stop_after_part() -> None:
    """Let the part that is under way come to its end, and nothing begin after it; a training alone just ends."""
    if this := _UNDER_WAY.get():
        this.stops_after = True

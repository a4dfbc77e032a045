"""The recordings that are left out, each with its reason."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Skipped:
    """A row that is not used: where it stood, a reason that can be counted, and what is particular to this one."""

    id: str
    split: str
    source: str
    reason: str
    detail: str = ""


def reasons(skipped: Sequence[Skipped]) -> str:
    """The reasons counted, the most frequent first: `3 truncated, 2 silent`."""
    counts = sorted(Counter(row.reason for row in skipped).items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{count} {reason}" for reason, count in counts)


def write_skipped(skipped: Sequence[Skipped], path: Path) -> None:
    """Writes skipped.csv: id, split, source, reason, detail."""
    # Names of broken files may hold what UTF-8 cannot; they are still listed, escaped.
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(Skipped))
        writer.writerows(astuple(row) for row in skipped)

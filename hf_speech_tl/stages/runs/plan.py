"""What is about to happen, told before it starts."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import datasets
import torch
from rich.console import Console
from rich.table import Column, Table

_WIDEST = len("augmentation")


def show_plan(rows: Sequence[tuple[str, str]]) -> None:
    """Print a table of (what, value) on the error stream, which leaves standard output to results."""
    what = Column(min_width=_WIDEST)  # also of a table of few rows, which stands above another
    table = Table(what, Column(overflow="fold"), show_header=False, box=None, pad_edge=False)  # a path is told whole
    for name, value in rows:
        table.add_row(f"[bold]{name}[/bold]", value)
    console = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 120)
    console.print(table)


def machine() -> str:
    """What the run computes on."""
    if torch.cuda.is_available():
        return "GPU"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads > 1 else ''}"


def amount(rows: datasets.Dataset, what: str) -> str:
    """How much audio a split holds: 12 min training (140 clips)."""
    return f"{clock(sum(rows['seconds'][:]))} {what} ({len(rows)} clip{'' if len(rows) == 1 else 's'})"


def clock(seconds: float) -> str:
    """Seconds as people say them: 45 s, 8 min, 3.2 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def size(count: float) -> str:
    """Bytes as people say them."""
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"

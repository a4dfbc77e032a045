"""The spreads of measures over sets of clips, a small panel for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from matplotlib import style
from matplotlib.figure import Figure

from hf_speech_tl.publishing.style import BLUE, ORANGE, STYLE, write_svg

_COLUMNS = 2


class _Spread(Protocol):
    @property
    def low(self) -> float: ...
    @property
    def median(self) -> float: ...
    @property
    def high(self) -> float: ...


def draw_spreads(panels: Mapping[str, Sequence[tuple[str, _Spread, bool]]], picture: Path) -> None:
    """Draw a panel for each title: for each set a line from the 10th to the 90th percentile and a dot at the median.

    What stands out (the third of each set) is orange and has a hollow dot. The picture is an SVG.
    """
    rows = -(-len(panels) // _COLUMNS)
    sets = max(map(len, panels.values()))
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(9, rows * (0.7 + 0.28 * sets)), layout="constrained", facecolor="white")
        grid = figure.subplots(rows, _COLUMNS, squeeze=False).flat
        for axes, (title, spreads) in zip(grid, panels.items(), strict=False):
            for place, (_, spread, stands_out) in enumerate(spreads):
                colour = ORANGE if stands_out else BLUE
                axes.plot([spread.low, spread.high], [place, place], color=colour, linewidth=3, alpha=0.5)
                axes.plot(spread.median, place, "o", color=colour, fillstyle="none" if stands_out else "full")
            axes.set(title=title, ylim=(len(spreads) - 0.5, -0.5))
            axes.set_yticks(range(len(spreads)), [name for name, *_ in spreads])
            axes.grid(visible=False, axis="y")
        for axes in [*grid][len(panels) :]:
            axes.set_axis_off()
        write_svg(figure, picture)

"""How our pictures look, and how they are written: the same data give the same file."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure

# Told apart by the colour-blind too: Okabe and Ito (2008), Color Universal Design.
BLUE, ORANGE = "#0072B2", "#D55E00"
STYLE = {
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E5E5E5",
    "legend.frameon": False,
    "svg.fonttype": "path",  # the same picture wherever it is looked at
    "svg.hashsalt": "hf_speech_tl",  # else names inside the file are random
}


def write_svg(figure: Figure, picture: Path) -> None:
    """Write a figure as an SVG; nothing is written where it cannot be drawn.

    Call it inside of `style.context(["default", STYLE])`.
    """
    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg", metadata={"Creator": None, "Date": None})
    picture.write_bytes(drawn.getvalue())

"""The course of a training run in one picture, from its log.jsonl."""

from __future__ import annotations

import json
from pathlib import Path

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from hf_speech_tl.errors import DataError, SettingsError
from hf_speech_tl.publishing.style import BLUE, ORANGE, STYLE, write_svg

_LARGEST = 1e18  # what still can be drawn
_FEW = 30  # points: fewer are marked, so that a single one is seen


def draw_curves(log: Path, picture: Path) -> None:
    """Draw loss, validation CER, share of blank frames and learning rates over the steps, as an SVG; of pretraining
    the validation loss and the probe's letter error instead of the two in the middle.

    The same log gives the same file. It has a white ground, for pages of any colour. Raises as `read_curves`.
    """
    curves = read_curves(log)
    # No style of the user's own, and no window: a Figure by itself needs neither.
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(8, 5.2), layout="constrained", facecolor="white")
        (loss, first), (second, rate) = figure.subplots(2, 2, sharex=True)
        loss.set(title="training loss", yscale="log")
        loss.yaxis.set(
            major_locator=LogLocator(subs=(1, 2, 3, 4, 6)),
            major_formatter=StrMethodFormatter("{x:g}"),
            minor_locator=NullLocator(),
        )
        _line(loss, curves.get("loss", {}), BLUE)
        if "eval_loss" in curves:
            first.set(title="validation loss")
            _line(first, curves["eval_loss"], BLUE)
            second.set(title="letter error of a linear probe", xlabel="step")
            _line(second, curves.get("eval_probe_cer", {}), BLUE)
        else:
            _error(first, curves)
            second.set(title="blank frames of the validation clips", ylim=(0, 1.02), xlabel="step")
            _line(second, curves.get("eval_blank_share", {}), BLUE)
        rate.set(title="learning rate", xlabel="step")
        _line(rate, curves.get("learning_rate", {}), BLUE, label="encoder")
        _line(rate, curves.get("head_learning_rate", {}), ORANGE, label="head", linestyle="--")
        if len(rate.lines) > 1:
            rate.legend()
        rate.set(xlim=(0, None), ylim=(0, None))
        write_svg(figure, picture)


def read_curves(log: Path) -> dict[str, dict[int, float]]:
    """The figures of a log by name and step, in the order of the steps.

    A resumed run repeats the steps after its checkpoint: the later word counts. A line that a crash has cut is left
    out. SettingsError where the log cannot be read, DataError where it has nothing to draw.
    """
    try:
        lines = log.read_text("utf-8", errors="replace").splitlines()
    except OSError as error:
        raise SettingsError(f"{log}: cannot be read ({error.strerror}); name the --output of a finetune run") from None
    curves: dict[str, dict[int, float]] = {}
    for line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and isinstance(step := entry.pop("step", None), int) and 0 <= step < _LARGEST:
            for name, value in entry.items():
                if isinstance(value, int | float) and abs(value) < _LARGEST:  # which not a number is not
                    curves.setdefault(name, {})[step] = value
    if not {"loss", "eval_cer"} & curves.keys():
        raise DataError(
            f"{log}: none of its {len(lines)} lines has a loss or an error rate yet; try again when the run has gone on"
        )
    return {name: dict(sorted(points.items())) for name, points in curves.items()}


def _error(axes: Axes, curves: dict[str, dict[int, float]]) -> None:
    points, low, high = (curves.get(name, {}) for name in ("eval_cer", "eval_cer_low", "eval_cer_high"))
    known = [step for step in points if step in low and step in high]
    axes.set_title("validation CER, 95 % interval" if known else "validation CER")
    _line(axes, points, BLUE)
    if not points:
        return
    axes.fill_between(known, [low[at] for at in known], [high[at] for at in known], color=BLUE, alpha=0.2, linewidth=0)
    best = min(points, key=lambda step: points[step])
    axes.plot(best, points[best], "o", markersize=9, color=ORANGE, fillstyle="none")
    axes.set_ylim(0, 1.05 * max(*points.values(), *high.values(), 1e-6))


def _line(axes: Axes, points: dict[int, float], colour: str, *, label: str = "", linestyle: str = "-") -> None:
    if points:
        marker = "." if len(points) < _FEW else ""
        axes.plot([*points], [*points.values()], color=colour, marker=marker, linestyle=linestyle, label=label)

"""The picture of a run: what it is made of, and that the same log always gives the same one."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest

from hf_speech_tl.errors import DataError, SettingsError
from hf_speech_tl.publishing.curves import draw_curves, read_curves

_TRAINING = {"grad_norm": 1.0, "learning_rate": 1e-3, "head_learning_rate": 2e-3, "epoch": 0.1}
_VALIDATION = {"eval_blank_share": 0.5, "eval_symbols": 9.0}


def entries(steps: int = 40) -> list[dict[str, float]]:
    """What a run of so many steps logs: the loss every ten, the validation after every twenty."""
    log = []
    for step in range(10, steps + 1, 10):
        log.append({"step": step, "seconds": step / 2, "loss": 80 / step, **_TRAINING})
        if step % 20 == 0:
            cer = 8 / step
            interval = {"eval_cer_low": cer - 0.05, "eval_cer_high": cer + 0.05}
            log.append({"step": step, "seconds": step / 2, "eval_cer": cer, **interval, **_VALIDATION})
    return log


def written(folder: Path, log: list[dict[str, float]], tail: str = "") -> Path:
    path = folder / "log.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in log) + tail, encoding="utf-8")
    return path


def drawn(log: Path) -> str:
    picture = log.with_name("training.svg")
    draw_curves(log, picture)
    assert {path.name for path in log.parent.iterdir()} == {"log.jsonl", "training.svg"}
    text = picture.read_text("utf-8")
    assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    return text


def test_the_same_log_gives_the_same_picture_whatever_the_users_style(tmp_path: Path) -> None:
    log = written(tmp_path, entries())
    first = drawn(log)
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 20, "figure.facecolor": "black"}):
        assert drawn(log) == first
    assert "<!-- 40 -->" in first, "the last step is on the axis"
    assert "<dc:date>" not in first
    assert str(tmp_path) not in first


def test_every_curve_and_the_interval_are_in_it(tmp_path: Path) -> None:
    whole = drawn(written(tmp_path, entries()))
    for name in ("loss", "eval_cer_low", "eval_blank_share", "head_learning_rate"):
        other = [entry | {name: entry[name] / 2} if name in entry else entry for entry in entries()]
        assert drawn(written(tmp_path, other)) != whole, name


@pytest.mark.parametrize(
    "log",
    [
        entries(10),  # no validation yet
        [{"step": 1, "eval_cer": 1.0, "eval_cer_low": 1.0, "eval_cer_high": 1.0}],  # too short for a loss
        [{"step": 10, "loss": 3.0, "learning_rate": 1e-3}, {"step": 20, "eval_cer": 0.9}],  # of an earlier version
        [{"step": 10, "loss": float("nan")}, {"step": 20, "eval_cer": 0.9}],
    ],
)
def test_a_log_with_little_in_it_is_drawn_too(tmp_path: Path, log: list[dict[str, float]]) -> None:
    drawn(written(tmp_path, log))


def test_a_resumed_run_says_some_steps_twice_and_the_later_word_counts(tmp_path: Path) -> None:
    stopped = [*entries(30), {"step": 40, "loss": 99.0}]
    resumed = [entry for entry in entries(60) if entry["step"] > 20]
    assert read_curves(written(tmp_path, [*stopped, *resumed])) == read_curves(written(tmp_path, entries(60)))
    assert [*read_curves(written(tmp_path, [*resumed, *stopped]))["loss"]] == [10, 20, 30, 40, 50, 60]


def test_a_line_that_a_crash_has_cut_is_left_out(tmp_path: Path) -> None:
    whole = read_curves(written(tmp_path, entries()))
    torn = '{"step": 50, "lo'
    for tail in (torn, torn + '{"step": 60, "loss": 1.0}\n', "\x00\x00", "7\n", '{"loss": 1.0}\n'):
        assert read_curves(written(tmp_path, entries(), tail)) == whole


@pytest.mark.parametrize("text", ["", '{"step": 50, "lo', '{"step": 8, "train_runtime": 3.0}\n', "not a log\n"])
def test_a_log_without_a_single_point_is_said(tmp_path: Path, text: str) -> None:
    log = written(tmp_path, [], text)
    with pytest.raises(DataError, match=r"log\.jsonl: none of its [01] lines has a loss or an error rate"):
        draw_curves(log, tmp_path / "training.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]


def test_a_log_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"log\.jsonl: cannot be read \(No such file or directory\)"):
        draw_curves(tmp_path / "log.jsonl", tmp_path / "training.svg")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1" + 400 * "0", "-1e300", '"x"', "[" * 5000])
def test_figures_that_cannot_be_drawn_are_left_out(tmp_path: Path, value: str) -> None:
    log = written(tmp_path, entries(), f'{{"step": 50, "eval_cer": {value}}}\n{{"step": {value}, "eval_cer": 0.1}}\n')
    assert set(read_curves(log)["eval_cer"]) - {1} == {20, 40}
    drawn(log)

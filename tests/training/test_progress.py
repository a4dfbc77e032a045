"""What is shown while a model trains that is part of more."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.progress import Progress
from transformers import TrainerControl, TrainerState, TrainingArguments

from hf_speech_tl.training import Part, Report, as_part, progress


def _report(tmp_path: Path) -> tuple[Report, TrainingArguments, TrainerState]:
    return (
        Report(tmp_path / "log.jsonl", lambda: 1.0, shown={}, quiet=False),
        TrainingArguments(output_dir=str(tmp_path), use_cpu=True),
        TrainerState(global_step=0, max_steps=4),
    )


def test_a_bar_of_the_whole_stands_above_that_of_the_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with as_part(Part("stage 2 of 2 (2-target)", 0.5, 1.0)):
        report, arguments, state = _report(tmp_path)
    report.on_train_begin(arguments, state, TrainerControl())
    state.global_step = 2
    report.on_step_end(arguments, state, TrainerControl())
    assert isinstance(report._bar, Progress)
    whole, own = report._bar.tasks
    report.close()
    assert (whole.description, whole.completed, whole.total) == ("stage 2 of 2 (2-target)", 0.75, 1.0)
    assert (own.completed, own.total) == (2, 4)


def test_without_a_terminal_a_line_says_which_part_it_is_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.0)
    for part, said in (
        (Part("stage 1 of 4 (1-source)", 0.0, 0.25), "stage 1 of 4 (1-source), 25% of all: step 4/4"),
        (None, "step 4/4"),
    ):
        if part:
            with as_part(part):
                report, arguments, state = _report(tmp_path)
        else:
            report, arguments, state = _report(tmp_path)
        report.on_train_begin(arguments, state, TrainerControl())
        state.global_step = 4
        report.on_step_end(arguments, state, TrainerControl())
        assert capsys.readouterr().err.startswith(said)


def test_an_end_that_comes_nearer_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report, arguments, state = _report(tmp_path)
    report.on_train_begin(arguments, state, TrainerControl())
    for state.global_step, state.max_steps in ((1, 4), (2, 3), (3, 3)):
        report.on_evaluate(arguments, state, TrainerControl())
    said = "learnt by heart, without a gain: back to the best weights, and from there to step 3\n"
    assert capsys.readouterr().err == said


def test_a_part_of_a_part_is_a_share_of_it(tmp_path: Path) -> None:
    done = []
    with as_part(Part("stage 2 of 2 (2-selftrain)", 0.5, 1.0)):
        for number in (1, 2):
            with as_part(Part(f"round {number} of at most 2", (number - 1) / 2, number / 2)):
                report, _, state = _report(tmp_path)
            for state.global_step in (0, 4):
                done.append(report._done(state))
    assert done == [0.5, 0.75, 0.75, 1.0]  # and never back
    assert report._part and report._part.name == "stage 2 of 2 (2-selftrain), round 2 of at most 2"

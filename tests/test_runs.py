"""Where scripts keep their runs: what was asked there before, and what is not theirs."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import hf_speech_tl
from hf_speech_tl.errors import RunError, SettingsError


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """scripts/runs.py."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "scripts"))
    return importlib.import_module("runs")


def _begin_run(directory: Path) -> None:
    (directory / "first").mkdir()
    (directory / "first" / "run.yaml").touch()


def test_another_question_is_noticed(runs: ModuleType, tmp_path: Path) -> None:
    work = tmp_path / "work"
    assert runs.note_question(work, {"lang": "it"}, "starter") is None
    _begin_run(work)
    assert runs.note_question(work, {"lang": "it"}, "starter") is None
    assert runs.note_question(work, {"lang": "es"}, "starter") == "lang (it)"


def test_what_was_not_asked_before_is_noted_and_then_noticed(runs: ModuleType, tmp_path: Path) -> None:
    runs.note_question(tmp_path, {"lang": "it"}, "starter")
    for machine, other in (("this", None), ("this", None), ("that", "machine (this)")):
        assert runs.note_question(tmp_path, {"lang": "it", "machine": machine}, "starter") == other


def test_a_question_may_be_about_no_weights(runs: ModuleType, tmp_path: Path) -> None:
    assert runs.note_question(tmp_path, {"lang": "it"}, None) is None
    assert "weights" not in json.loads((tmp_path / "question.json").read_text())
    assert runs.note_question(tmp_path, {"lang": "es"}, None) == "lang (it)"


def test_the_commit_is_noted_and_another_one_told_once(
    runs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for commit, told in (("one", 0), ("one", 0), ("two", 1), ("two", 0)):
        monkeypatch.setattr(runs, "_commit", lambda commit=commit: commit)
        runs.note_commit(tmp_path)
        assert capsys.readouterr().err.count("holds runs of one; goes on with two") == told
    assert (tmp_path / "commits.txt").read_text() == "one\ntwo\n"


def test_outside_of_a_checkout_the_version_is_noted(
    runs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_HERE", tmp_path)
    assert runs._commit() == f"hf_speech_tl {hf_speech_tl.__version__}"


def test_a_run_that_fails_is_told_and_one_that_is_stopped_ends_all(
    runs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = 3
    monkeypatch.setattr(subprocess, "run", lambda words, **_: subprocess.CompletedProcess(words, code))
    with pytest.raises(runs.Failed, match="first: failed with exit code 3; the same") as failed:
        runs.complete("finetune", [], tmp_path / "first")
    assert failed.value.exit_code == 3
    for code in (130, 2):  # 2: its settings are refused, which nothing mends that is tried again
        with pytest.raises(SystemExit) as stopped:
            runs.complete("finetune", [], tmp_path / "first")
        assert stopped.value.code == code


def test_a_run_has_time_to_save_after_ctrl_c(runs: ModuleType, tmp_path: Path) -> None:
    """Both get the signal, as from a terminal; the run takes longer than the quarter of a second of `subprocess`."""
    saving = (
        "import os, pathlib, signal, sys, time\n"
        f"signal.signal(signal.SIGINT, lambda *_: (time.sleep(0.6), pathlib.Path({str(tmp_path / 'saved')!r}).touch(), "
        "sys.exit(130)))\n"
        "os.kill(os.getppid(), signal.SIGINT); os.kill(os.getpid(), signal.SIGINT); time.sleep(60)"
    )
    assert runs._run([sys.executable, "-c", saving]) == (True, 130)
    assert (tmp_path / "saved").exists()


def test_a_place_that_is_not_ours_is_left_alone(runs: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    for place, said in (
        (tmp_path, "something else, and is left alone"),
        (tmp_path / "thesis.txt", "cannot be written"),
    ):
        with pytest.raises(SettingsError, match=f"--work {place}: .*{said}"):
            runs.note_question(place, {}, "starter")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_is_damaged_is_told_with_what_to_do(runs: ModuleType, tmp_path: Path) -> None:
    runs.note_question(tmp_path / "work", {}, "starter")
    _begin_run(tmp_path / "work")
    for path, ask in (
        (tmp_path / "work" / "question.json", lambda: runs.note_question(tmp_path / "work", {}, "starter")),
        (
            tmp_path / "work" / "first" / "results.json",
            lambda: runs.complete("finetune", [], tmp_path / "work" / "first"),
        ),
    ):
        for content in ('{"opt', json.dumps([1])):
            path.write_text(content)
            with pytest.raises(RunError, match=rf"{path.name}: is damaged .*; remove {path.parent}, and begin again"):
                ask()

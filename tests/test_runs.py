"""Where scripts keep their runs: what was asked there before, and what is not theirs."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

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

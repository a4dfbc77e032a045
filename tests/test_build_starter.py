"""The stages that make the starter's weights, and what of them is shipped."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import save_tiny, save_whisper, tiny_rows
from transformers import AutoModel, AutoModelForCTC, AutoProcessor

from hf_speech_tl.models import is_of_starter
from hf_speech_tl.settings import FinetuneSettings
from hf_speech_tl.stages.runs.recipe import choose_recipe

SCRIPTS = Path(__file__).parents[1] / "scripts"
Build = Callable[..., "int | str | None"]


@pytest.fixture
def build(tmp_path: Path, run_script: Build) -> Build:
    """The script's exit code, its runs going to `work`, the starter to `starter`."""

    places = ("--work", tmp_path / "work", "--output", tmp_path / "starter")
    return lambda *arguments: run_script("build_starter", *places, *arguments)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """What the two stages leave behind, by name alone: a tiny model, and results that tell where it was made."""
    supervised = save_tiny(tmp_path / "work" / "supervise")
    results = {
        "command": "finetune --data /home/me/speech/ita --output /home/me/run",
        "model": {"name": "distil", "starter": False},
        "data": {"hours": {"train": 2.0}},
    }
    (supervised / "results.json").write_text(json.dumps(results | {"output": "/home/me/run"}), "utf-8")
    (tmp_path / "work" / "distil").mkdir()
    told = {"command": "pretrain --teacher /home/me/whisper", "training": {"clips_lost": {"secret": "too short"}}}
    (tmp_path / "work" / "distil" / "results.json").write_text(json.dumps(told), "utf-8")
    return supervised


def test_what_is_shipped_is_half_as_large_and_loads_in_single_precision(
    build: Build, trained: Path, tmp_path: Path
) -> None:
    assert build() == 0
    starter = tmp_path / "starter"
    whole, half = load_file(trained / "model.safetensors"), load_file(starter / "model.safetensors")
    assert {weight.dtype for weight in half.values()} == {torch.float16}
    assert all(torch.equal(half[name], weight.half()) for name, weight in whole.items())
    assert AutoModel.from_pretrained(starter).dtype == torch.float32
    model, processor = AutoModelForCTC.from_pretrained(starter), AutoProcessor.from_pretrained(starter)
    assert model.dtype == torch.float32
    assert model.config.vocab_size == len(processor.tokenizer)
    assert not (tmp_path / "starter.part").exists()
    assert {path.stat().st_mode & 0o444 for path in starter.iterdir()} == {0o444}


def test_what_is_shipped_says_how_it_was_made_and_not_where(build: Build, trained: Path, tmp_path: Path) -> None:
    assert build() == 0 and build() == 0
    text = "".join(path.read_text("utf-8") for path in (tmp_path / "starter").glob("*.json"))
    assert "/home/me" not in text and "secret" not in text and str(tmp_path) not in text
    results = json.loads((tmp_path / "starter" / "results.json").read_text("utf-8"))
    assert results["command"] == "finetune --data ita"
    assert [stage["command"] for stage in results["stages"]] == ["pretrain --teacher whisper"]
    assert results["stages"][0]["training"] == {"clips_lost": {"too short": 1}}


def test_what_is_packed_is_trained_as_the_starter_is(build: Build, trained: Path, tmp_path: Path) -> None:
    assert build() == 0
    rates = []
    for model in (trained, tmp_path / "starter"):
        settings = FinetuneSettings(lang="it", model=str(model))
        recipe = choose_recipe(settings, parameters=12_000_000, augment=(), processes=1)
        rates.append((is_of_starter(str(model), fresh=False), recipe.rates.encoder))
    assert rates == [(False, 1e-3), (False, 4e-4)], "it is not ours, nor is its licence"


def test_what_cannot_be_shipped_is_refused(
    build: Build, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = load_file(trained / "model.safetensors")
    weights["lm_head.bias"][0] = 1e6
    save_file(weights, trained / "model.safetensors", metadata={"format": "pt"})
    assert build() == 1
    assert "lm_head.bias is beyond what half precision holds" in capsys.readouterr().err
    (tmp_path / "starter").mkdir()
    (tmp_path / "starter" / "thesis.txt").touch()
    assert build() == 1
    assert "holds something else (thesis.txt)" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "starter").iterdir()] == ["thesis.txt"]


def test_what_a_stage_needs_is_missed_before_the_first_one_begins(
    build: Build, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(subprocess, "run", None)
    assert build("--data", "it=a") == 2
    assert capsys.readouterr().err == "build_starter: --teacher is missing, which inherit needs\n"


def test_a_teacher_that_cannot_be_one_is_told_before_recordings_are_heard(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setattr(importlib.import_module("starter_inherit"), "MOST_BYTES", 10_000)
    whisper = save_whisper(tmp_path / "whisper", layers=6)
    for teacher, said in ((tmp_path / "none", "there is no such directory"), (whisper, "allowed: 0.01 MB")):
        assert build("--data", "it=none", "--teacher", teacher) == 2
        assert f"build_starter: --teacher {teacher}: " in (line := capsys.readouterr().err.splitlines()[-1])
        assert said in line


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands of stages that were called; each leaves results behind without training, and none is really run."""
    commands: list[list[str]] = []

    really_run = subprocess.run

    def run(command: list[str], **named: Any) -> subprocess.CompletedProcess[Any]:
        if command[0] == "git":
            return really_run(command, **named)
        if "noise=misspelt,pitch,gain" in command:
            return subprocess.CompletedProcess(command, 2)
        commands.append(command)
        output = Path(command[command.index("--output") + 1])
        output.mkdir()
        (output / "results.json").write_text("{}", "utf-8")
        (output / "model.safetensors").write_text(output.name, "utf-8")
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_a_stage_that_was_made_of_something_else_is_refused(
    build: Build, asked: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "work" / "inherit").mkdir(parents=True)
    (tmp_path / "work" / "inherit" / "config.json").touch()  # somebody's own, made of whatever
    usual = {"--data": "it=a", "--teacher": "whisper", "--noise": "n", "--until": "supervise"}

    def ask(**changes: object) -> int | str | None:
        words = usual | {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
        return build(*(word for pair in words.items() for word in pair))

    assert ask(noise="misspelt") == 2 and not asked
    assert ask() == 0 and ask() == 0 and len(asked) == 2
    for changes, said in (
        ({"data": "es=b"}, "distil was made with another data (['it=a'])"),
        ({"teacher": "larger"}, "distil was made with another teacher (whisper)"),
        ({"noise": "m"}, "distil was made with another noise (n)"),
        ({"rir": "r"}, "distil was made with another rir (None)"),
        ({"seed": 1}, "distil was made with another seed (0)"),
        ({"distil_steps": 5}, "distil was made with another length (--max-minutes 240)"),
        ({"supervise_minutes": 5}, "supervise was made with another length (--max-minutes 240)"),
    ):
        assert ask(**changes) == 2
        assert f"build_starter: --work {tmp_path / 'work'}: its {said}; name another" in capsys.readouterr().err
    assert len(asked) == 2
    (tmp_path / "work" / "distil" / "model.safetensors").write_text("anew", "utf-8")
    assert ask() == 2
    assert "its supervise was made with another weights" in capsys.readouterr().err
    (tmp_path / "work" / "distil" / "model.safetensors").write_text("distil", "utf-8")
    (tmp_path / "work" / "inherit" / "model.safetensors").write_text("first", "utf-8")
    assert ask() == 0
    (tmp_path / "work" / "inherit" / "model.safetensors").write_text("other", "utf-8")
    assert ask() == 2 and "its distil was made with another inherit" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "work" / "inherit")  # once it was distilled, it may be gone
    del usual["--teacher"]
    assert ask() == 0 and build("--until", "supervise") == 0 and len(asked) == 2
    shutil.rmtree(tmp_path / "work" / "supervise")
    assert ask(supervise_minutes=5) == 0 and len(asked) == 3


def test_a_directory_of_ones_own_in_the_place_of_a_stage_is_taken_as_it_is(
    build: Build, asked: list[list[str]], tmp_path: Path
) -> None:
    (tmp_path / "work" / "distil").mkdir(parents=True)
    (tmp_path / "work" / "distil" / "results.json").write_text("{}", "utf-8")
    for steps in (1, 2):
        assert build("--data", "it=a", "--distil-steps", steps, "--until", "distil") == 0
    assert build("--data", "it=a", "--until", "supervise") == 0
    assert [command[2] for command in asked] == ["hf_speech_tl.finetune"]


@pytest.mark.slow
def test_all_stages_one_after_the_other(build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = []
    for lang in ("it", "es"):
        (tmp_path / lang).mkdir()
        for split in ("train", "validation", "test"):
            rows = tiny_rows((1.0,) * 4, ("ab", "ba c", "cab", "dad")).remove_columns(["transcript", "source", "lang"])
            rows = rows.map(lambda row, name=f"{lang}-{split}-": {"id": name + row["id"]})
            rows.to_parquet(str(tmp_path / lang / f"{split}.parquet"))
        data += ["--data", f"{lang}={tmp_path / lang}"]
    teacher = save_whisper(tmp_path / "teacher", layers=6)
    steps = ("--distil-steps", 1, "--supervise-steps", 1, "--cache", tmp_path / "cache")
    assert build(*data, "--teacher", teacher, *steps, "--until", "inherit") == 0
    assert "layer 3:" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["inherit", "questions"]
    assert build(*data, "--teacher", teacher, "--seed", 1, "--until", "inherit") == 2
    assert "its inherit was made with another seed (0)" in capsys.readouterr().err
    assert build(*data, "--teacher", teacher, *steps, "--until", "distil") == 0
    assert not (tmp_path / "work" / "supervise").exists()
    assert build(*data, *steps) == 0
    results = json.loads((tmp_path / "starter" / "results.json").read_text("utf-8"))
    assert results["training"]["batch_seconds"] == 60 and results["training"]["temperature"] == 2
    assert results["stages"][0]["training"]["optimizer"] == "muon"
    assert str(tmp_path) not in json.dumps(results)

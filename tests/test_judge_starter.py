"""The judge of starters: what is learnt from, what is scored, what is compared."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tiny import save_tiny, tiny_rows

README = """
| corpus | starter | what |
|---|---|---|
| pl-artikulate | no: judge | read |
| ml-msc | no: judge | read |
| de-heard | yes | read |
| es-gpl | no: licence | read |
"""
CERS = {"full": 0.2, "head": 0.3, "random": 0.8}
Judge = Callable[..., "int | str | None"]


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Two judges and one that is none, each with 64 utterances to learn from, said to last 20 seconds each."""
    (tmp_path / "speech").mkdir()
    (tmp_path / "speech" / "README.md").write_text(README, "utf-8")
    for corpus in ("pl-artikulate", "ml-msc", "de-heard"):
        (tmp_path / "speech" / corpus).mkdir()
        for split, count in (("train", 64), ("validation", 20), ("test", 20)):
            words = tuple(f"{'abcd'[at % 4]}{'abcd'[at // 4 % 4]} {'abcd'[at // 16]}" for at in range(count))
            rows = tiny_rows((0.7,) * count, words).remove_columns(["transcript", "source", "lang"])
            rows = rows.map(lambda row, split=split: {"id": f"{split}-{row['id']}", "seconds": 20.0})
            rows.to_parquet(str(tmp_path / "speech" / corpus / f"{split}.parquet"))
    return tmp_path / "speech"


@pytest.fixture
def judge(speech: Path, tmp_path: Path, run_script: Judge) -> Judge:
    """The script's exit code, its runs going to `work`."""

    return lambda *arguments: run_script("judge_starter", speech, "--work", tmp_path / "work", *arguments)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands of finetune that were called; each leaves results behind without training, and none is really run.

    The random weights do worse by the distance of their rate from 0.001.
    """
    commands: list[list[str]] = []
    really_run = subprocess.run

    def run(command: list[str], **named: Any) -> subprocess.CompletedProcess[Any]:
        if command[0] == "git":
            return really_run(command, **named)
        commands.append(command)
        side = "head" if "--tuning" in command else "random" if "--from-scratch" in command else "full"
        rate = float(command[command.index("--learning-rate") + 1]) if side == "random" else 1e-3
        cer = CERS[side] + abs(rate - 1e-3)
        results = {
            "data": {"hours": {"train": 0.3}},
            "after": {"cer": {"value": cer, "low": cer - 0.01, "high": cer + 0.01}},
            "training": {"steps": 7, "best_validation_cer": cer},
        }
        output = Path(command[command.index("--output") + 1])
        output.mkdir(exist_ok=True)
        (output / "results.json").write_text(json.dumps(results), "utf-8")
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_each_judge_is_asked_with_its_seeds_and_random_weights_get_their_best_rate(
    judge: Judge, asked: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge() == 0
    named = [Path(command[command.index("--output") + 1]).name for command in asked]
    assert len(named) == 2 * (5 + 3 + 3)
    assert [name for name in named if "ml-msc-random-seed1" in name] == ["ml-msc-random-seed1-1e-3"]
    judged = json.loads((tmp_path / "work" / "judge.json").read_text("utf-8"))
    assert judged["ratios"] == {name: {"full": 0.25, "head": 0.375} for name in ("pl-artikulate", "ml-msc")}
    table = capsys.readouterr().out
    assert table == (tmp_path / "work" / "judge.md").read_text("utf-8")
    assert (
        "| ml-msc | 18 min | 0 | 20.0 (19.0 to 21.0) [7] | 30.0 (29.0 to 31.0) [7] "
        "| 80.0 (79.0 to 81.0) [7, 1e-3] | 0.25 | 0.38 |"
    ) in table.splitlines()
    for option, value in (("--max-minutes", "8"), ("--patience", "none")):
        assert all(option in command and command[command.index(option) + 1] == value for command in asked)


def test_what_is_done_is_not_done_again_and_what_was_stopped_goes_on(
    judge: Judge, asked: list[list[str]], tmp_path: Path
) -> None:
    for seed, state in enumerate(("checkpoints/checkpoint-3/trainer_state.json", "run.yaml")):
        stopped = tmp_path / "work" / f"pl-artikulate-full-seed{seed}" / state
        stopped.parent.mkdir(parents=True)
        stopped.touch()
    assert judge("--corpora", "pl-artikulate", "--sides", "full") == 0
    assert [command[-1] for command in asked] == [
        "--resume",
        "--overwrite",
        str(tmp_path / "work" / "pl-artikulate-full-seed2"),
    ]
    assert judge("--corpora", "pl-artikulate", "--sides", "full") == 0
    assert len(asked) == 3


def test_all_sides_learn_from_the_same_twenty_minutes(judge: Judge, asked: list[list[str]], tmp_path: Path) -> None:
    assert judge("--corpora", "ml-msc") == 0
    (data,) = {command[command.index("--data") + 1] for command in asked}
    assert Path(data) == tmp_path / "work" / "data" / "ml-msc"
    drawn = pq.read_table(Path(data) / "train.parquet")["id"].to_pylist()
    assert len(set(drawn)) == 60 and all(name.startswith("train-") for name in drawn)
    assert pq.read_table(Path(data) / "validation.parquet").num_rows == 20
    assert pq.read_table(Path(data) / "test.parquet")["id"].to_pylist()[0].startswith("test-")


def test_the_quick_judge_never_opens_the_test_split(
    judge: Judge, asked: list[list[str]], speech: Path, tmp_path: Path
) -> None:
    for test in speech.rglob("test.parquet"):
        test.unlink()
    assert judge("--quick") == 0
    assert [command[command.index("--max-minutes") + 1] for command in asked] == ["4"]  # Bengali is not there
    data = tmp_path / "work" / "data" / "pl-artikulate"
    assert sorted(file.name for file in data.iterdir()) == ["test.parquet", "train.parquet"]
    assert all(name.startswith("validation-") for name in pq.read_table(data / "test.parquet")["id"].to_pylist())


def test_a_judge_that_is_not_there_is_told_before_the_first_is_asked(
    judge: Judge, asked: list[list[str]], speech: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (speech / "ml-msc" / "test.parquet").unlink()
    assert judge() == 2 and not asked
    assert "ml-msc/test.parquet: is not there; bring it, or name with --corpora" in capsys.readouterr().err
    assert judge("--corpora", "pl-artikulate") == 0


def test_one_that_fails_is_named_in_the_end_and_the_others_are_done(
    judge: Judge, asked: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    well = subprocess.run

    def run(command: list[str], **named: Any) -> subprocess.CompletedProcess[Any]:
        fails = str(tmp_path / "work" / "ml-msc-full-seed1") in command
        return subprocess.CompletedProcess(command, 3) if fails else well(command, **named)

    monkeypatch.setattr(subprocess, "run", run)
    chosen = ("--corpora", "ml-msc", "--sides", "full")
    assert judge(*chosen) == 1
    assert len(asked) == 2
    assert "failed: ml-msc-full-seed1; the same command tries again" in capsys.readouterr().err.splitlines()[-1]
    monkeypatch.setattr(subprocess, "run", well)
    assert judge(*chosen) == 0 and len(asked) == 3


def test_a_rate_that_random_weights_do_not_bear_is_not_the_best_one(
    judge: Judge, asked: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    well, unborne = subprocess.run, {"1e-3", "3e-3"}

    def run(command: list[str], **named: Any) -> subprocess.CompletedProcess[Any]:
        return subprocess.CompletedProcess(command, 1) if unborne & {*command} else well(command, **named)

    monkeypatch.setattr(subprocess, "run", run)
    chosen = ("--corpora", "pl-artikulate", "--sides", "random")
    assert judge(*chosen) == 1
    named = ", ".join(f"pl-artikulate-random-seed0-{rate}" for rate in ("1e-3", "3e-3"))
    assert f"failed: {named}; the same command tries again" in capsys.readouterr().err.splitlines()[-1]
    judged = json.loads((tmp_path / "work" / "judge.json").read_text("utf-8"))
    assert [(run["seed"], run["rate"]) for run in judged["runs"]] == [(seed, "3e-4") for seed in range(3)]


def test_other_weights_or_options_want_another_directory(
    judge: Judge, asked: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_tiny(tmp_path / "model")
    chosen = ("--quick", "--model", model)
    assert judge(*chosen) == 0 and len(asked) == 1
    assert judge(*chosen, "--augment", "none") == 2
    assert capsys.readouterr().err.count("another options") == 1
    (model / "model.safetensors").write_bytes(b"others")
    assert judge(*chosen) == 2
    assert "another weights" in capsys.readouterr().err
    assert judge(*chosen, "--corpora", "de-heard") == 2
    assert "--corpora de-heard: is none of the judges; allowed: pl-artikulate" in capsys.readouterr().err


@pytest.mark.slow
def test_a_candidate_is_judged(judge: Judge, tmp_path: Path) -> None:
    assert judge("--quick", "--model", save_tiny(tmp_path / "model"), "--max-steps", 1, "--batch-seconds", 3) == 0
    (run,) = json.loads((tmp_path / "work" / "judge.json").read_text("utf-8"))["runs"]
    results = json.loads((tmp_path / "work" / "pl-artikulate-full-seed0" / "results.json").read_text("utf-8"))
    assert run["cer"] == results["after"]["cer"]
    assert results["data"]["rows"]["test"] == 20


def test_a_rate_that_would_replace_those_of_random_weights_is_refused(
    judge: Judge, asked: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge("--learning-rate", "4e-4") == 2
    assert "allowed with --sides full,head" in capsys.readouterr().err and not asked
    assert judge("--learning-rate", "4e-4", "--quick", "--corpora", "pl-artikulate") == 0
    assert "4e-4" in asked[0]


def test_what_the_script_sets_is_refused(
    judge: Judge, asked: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge("--seed", "5") == 2
    assert "--seed: this script sets it; leave it out" in capsys.readouterr().err and not asked

"""The benchmark: clips of wanted lengths, runs watched from outside, and what is made of their figures."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from benchmark_clips import LENGTHS, Clips, join
from benchmark_errors import Contest, run_errors
from benchmark_report import write_report
from benchmark_sides import Part, _figures, ours, recipe
from benchmark_watch import Event, Failed, Watched, watch
from tiny import save_tiny, tiny_rows

MACHINE = {
    "processor": "a processor",
    "gpu": None,
    "instructions": ["avx2"],
    "cores": 2,
    "threads": 2,
    "torch": "2",
    "transformers": "5",
}


@pytest.mark.parametrize(("name", "mean"), [("common-voice", 4.9), ("librispeech", 12.3), ("wide", 4.6)])
def test_wanted_lengths_are_those_of_their_source(name: str, mean: float) -> None:
    wanted = LENGTHS[name].wanted(36_000)
    assert wanted.mean() == pytest.approx(mean, rel=0.05)
    assert wanted.sum() == pytest.approx(36_000, abs=20)
    assert wanted.min() >= LENGTHS[name].shortest and wanted.max() <= LENGTHS[name].longest
    assert LENGTHS[name].wanted(100, longest=6.0).max() <= 6.0


def test_neighbours_are_joined_to_the_wanted_lengths_and_none_is_used_twice() -> None:
    seconds = np.random.default_rng(1).uniform(0.5, 4, 400).tolist()
    wanted = LENGTHS["librispeech"].wanted(600)
    runs = join(seconds, wanted)
    used = [row for run in runs for row in run]
    assert len(set(used)) == len(used)
    assert all(run == list(range(run[0], run[-1] + 1)) for run in runs)
    assert [sum(seconds[row] for row in run) for run in runs] == pytest.approx(wanted.tolist(), abs=1.0)
    assert len(join(seconds[:5], wanted)) < len(wanted)


def test_memory_of_children_and_the_time_of_what_is_said_are_seen_from_outside(tmp_path: Path) -> None:
    child = "import time; held = bytearray(200_000_000); time.sleep(0.8)"
    program = f"""
import subprocess, sys, time
held = bytearray(100_000_000)
print('@ {{"event": "begin"}}', flush=True)
subprocess.run([sys.executable, "-c", {child!r}])
print('@ {{"event": "end", "steps": 3}}', flush=True)
print("other")
"""
    watched = watch([sys.executable, "-c", program], tmp_path / "log")
    assert [event.name for event in watched.events] == ["begin", "end"] and watched.events[1].figures == {"steps": 3}
    assert watched.lines == ("other",)
    assert watched.events[1].seconds - watched.events[0].seconds > 0.7
    assert 300 < watched.peak_mb < 450
    assert watched.others >= 0


def test_what_a_process_computes_is_not_taken_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = iter([0.0, 0.0, 0.0, 0.5])  # of all processors: before twice, then at start and end

    monkeypatch.setattr("benchmark_watch._busy", lambda: next(alone))
    monkeypatch.setattr("benchmark_watch._BEFORE", 0.0)
    program = "import time\nwhile time.process_time() < 0.45: pass"
    assert watch([sys.executable, "-c", program], tmp_path / "log").others < 0.1


def test_a_process_that_fails_ends_the_benchmark(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="ended with 3: see"):
        watch([sys.executable, "-c", "raise SystemExit(3)"], tmp_path / "log")


def test_speed_is_that_of_steps_without_what_lies_between_them() -> None:
    said = [
        ("begin", 10.0, {}),
        ("step", 14.0, {"real": 20.0, "padded": 30.0}),
        ("rested", 100.0, {}),
        ("step", 104.0, {"real": 20.0, "padded": 20.0}),
        ("rested", 110.0, {}),
        ("judging", 120.0, {}),
        ("judged", 130.0, {"real": 50.0}),
        ("end", 140.0, {"steps": 2, "skipped": 0, "gpu_mb": 0, "precision": "float32"}),
    ]
    events = tuple(Event(*one) for one in said)
    figures = _figures(Watched(events, (), 150.0, 1000.0, 0.02, 0.5), 1.0)
    assert (figures.speed, figures.padding, figures.first_step, figures.judging) == (5.0, 1.25, 14.0, 5.0)


def test_sides_differ_in_what_they_are_for() -> None:
    part = Part("base", (), Path("model"), True, Clips(Path("clips"), (4.0, 6.0)), Clips(Path("few"), (5.0,)), 6, True)
    plain, tuned = recipe("A", part, Path("out")), recipe("B-lora", part, Path("out"))
    assert "--freeze-feature-encoder" in plain and not {"--group-by-length", "--bf16", "--lora"} & {*plain}
    assert {"--group-by-length", "--no-dropout", "--bf16", "--lora", "--freeze-feature-encoder"} <= {*tuned}
    assert tuned[tuned.index("--batch-size") + 1] == "8"  # 40 s of 5 s each
    assert "few" in ours("kept", part, Path("out"), "qu", "char") and "clips" in ours(
        "lora", part, Path("out"), "qu", ""
    )


def _runs(work: Path, others: float) -> None:
    (work / "runs").mkdir()
    for number in (1, 2):
        for side, speed in (("A", 10.0 * number), ("ours", 50.0 * number)):
            figures = {"speed": speed, "padding": 1.2, "first_step": 10.0, "peak_mb": 900.0, "gpu_mb": 0.0}
            figures |= {"disk_mb": 5.0, "judging": 20.0, "steps": 3, "skipped": 0, "audio": 60.0, "seconds": 30.0}
            told = {"part": "starter, wide", "side": side, "round": number, "precision": "float32", **figures}
            told |= {"others": others if side == "A" else 0.0, "date": "2026-01-02"}
            (work / "runs" / f"{side}-{number}.json").write_text(json.dumps(told), "utf-8")


@pytest.mark.parametrize(("others", "said"), [(0.3, "**The machine was busy**: in 2 of 4 runs"), (0.05, "was quiet")])
def test_the_report_has_medians_of_ratios_and_says_whether_the_machine_was_busy(
    tmp_path: Path, others: float, said: str
) -> None:
    _runs(tmp_path, others)
    (tmp_path / "commands.txt").write_text(
        "scripts/benchmark it\nscripts/benchmark it --rounds 2\nscripts/benchmark it\n"
    )
    (tmp_path / "lengths-wide.json").write_text("[1.0, 2.0, 3.0]", "utf-8")
    page = write_report(tmp_path, MACHINE, {"corpus": "qu-killkan"})
    assert said in page and "peak GPU memory" not in page and "| wide | 3 | 0.1 |" in page
    assert (f"| A{'*' if others > 0.1 else ''} | 15.0 | 1.20 |") in page
    told = json.loads((tmp_path / "benchmark.json").read_text("utf-8"))
    assert told["ratios"]["starter, wide"] == {
        "ours / A": {"speed": 5.0, "first_step": 1.0, "peak_mb": 1.0, "disk_mb": 1.0, "judging": 1.0}
    }
    assert told["commands"] == ["scripts/benchmark it", "scripts/benchmark it --rounds 2"]
    assert page == (tmp_path / "benchmark.md").read_text("utf-8").rstrip("\n")
    assert (tmp_path / "benchmark.svg").read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "arguments are required: CORPUS, --lang, --work"),
        (("c", "--lang", "qu", "--work", "w", "--parts", "bass"), "'bass' is not known; allowed: starter, base, lora"),
        (("c", "--lang", "qu", "--work", ".", "--quick"), "--work .: holds something else"),
    ],
)
def test_what_cannot_be_run_is_said_in_a_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    run_script: Callable[..., int | str | None],
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "precious").touch()
    try:
        code = run_script("benchmark", *words)
    except Exception as error:  # as the script itself tells it, when it is not imported
        code, text = error.exit_code, str(error)  # type: ignore[attr-defined]
    else:
        text = capsys.readouterr().err.splitlines()[-1]
    assert code == 2 and said in text


@pytest.mark.slow
def test_all_sides_of_a_part_run_once_and_are_not_run_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    run_script: Callable[..., int | str | None],
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    corpus, work = tmp_path / "corpus", tmp_path / "work"
    corpus.mkdir()
    for split, count in (("train", 60), ("validation", 10), ("test", 10)):
        texts = tuple(f"{'abcd'[at % 4]}{'abcd'[at // 4 % 4]} {split[0]}" for at in range(count))
        rows = tiny_rows(tuple(1.0 + at % 3 for at in range(count)), texts)
        rows = rows.select_columns(["id", "audio", "text"]).map(lambda row, split=split: {"id": split + row["id"]})
        rows.to_parquet(str(corpus / f"{split}.parquet"))
    base = save_tiny(tmp_path / "base")
    words = [corpus, "--lang", "it", "--work", work, "--parts", "base", "--base", base, "--rounds", 1, "--steps", 1]
    words += ["--lengths", "common-voice", "--test-seconds", 20]
    assert run_script("benchmark", *words) == 0
    page = capsys.readouterr().out
    assert [line.split()[1].rstrip("*") for line in page.splitlines() if line.startswith(("| A", "| B", "| ours "))]
    told = json.loads((work / "benchmark.json").read_text("utf-8"))
    assert [*told["parts"]["base, common-voice"]] == ["A", "B", "ours", "kept"]
    for run in told["runs"]:
        assert run["speed"] > 0 and run["padding"] >= 1 and run["judging"] > 0 and run["peak_mb"] > 100
    assert {side: of["disk_mb"] > 1 for side, of in told["parts"]["base, common-voice"].items()}["A"]
    before = {file: os.stat(file).st_mtime_ns for file in (work / "runs").iterdir()}
    assert run_script("benchmark", *words) == 0
    assert before == {file: os.stat(file).st_mtime_ns for file in (work / "runs").iterdir()}


def test_b_takes_the_rate_that_is_best_on_validation_and_all_are_scored_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], place: Path, log: Path) -> Watched:
        asked.append(command)
        heard = "a b" if "1e-3" in command else "a c" if "--group-by-length" in command else "c"
        (place / "output").mkdir()
        (place / "output" / "texts.jsonl").write_text(json.dumps({"id": "1", "said": "a b", "heard": heard}), "utf-8")
        end = {"steps": 7, "skipped": 0, "gpu_mb": 0, "precision": "float32", "cer": 0.5}
        return Watched((Event("end", 1.0, end),), (), 2.0, 100.0, 0.0, 0.0)

    monkeypatch.setattr("benchmark_errors.watch_alone", run)
    monkeypatch.setattr("benchmark_errors.save_starter", lambda place, seed: None)
    part = Part("errors", (), tmp_path / "model", False, Clips(Path("clips"), (5.0,)))
    contest = Contest(part, "the-corpus", "it", "char", steps=30, minutes=2.0, seeds=2)
    assert [*run_errors(contest, tmp_path)][-1] == "errors: done"
    assert len(asked) == 3 + 2 * 2 * 3
    tuned = [command for command in asked[3:] if "--group-by-length" in command]
    assert all("1e-3" in command and "test" in command for command in tuned)
    assert any("the-corpus" in command and "--max-minutes" in command for command in asked)
    assert {command[command.index("--seed") + 1] for command in asked[3:]} == {"0", "1"}
    (tmp_path / "commands.txt").touch()
    page = write_report(tmp_path, MACHINE, {"corpus": "it-some"})
    assert "| 30 steps | A | 100.0 (7) | 100.0 (7) | 100.0 | 0.0 |" in page
    assert "| 2 minutes | B | 0.0 (7) | 0.0 (7) | 0.0 | 0.0 |" in page and "| 2 minutes | ours | 50.0 (7) |" in page
    assert "B at 1e-3; of B tried on validation 1e-3: 0.0, 1e-4: 33.3, 3e-4: 33.3; ours at its default." in page
    done = len(asked)
    assert [*run_errors(contest, tmp_path)] and len(asked) == done

"""The benchmark: clips of wanted lengths, runs watched from outside, and what is made of their figures."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmark_clips import LENGTHS, Clips, join
from benchmark_errors import Contest, run_errors
from benchmark_report import draw, write_report
from benchmark_sides import Part, _figures, faster_in_bfloat16, grouped_among, ours, recipe, run_side
from benchmark_watch import Event, Failed, Watched, name_machine, watch
from matplotlib.figure import Figure
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


@pytest.mark.parametrize(
    ("steps", "lengths"),
    [
        (6, {"A": ("--max-steps", "6"), "ours": ("--max-steps", "6"), "kept": ("--epochs", "5")}),
        (
            None,
            {
                "A": ("--max-steps", "5"),
                "B": ("--max-steps", "10"),
                "lora": ("--epochs", "1"),
                "kept": ("--epochs", "5"),
            },
        ),
    ],
)
def test_sides_take_as_many_steps_or_all_of_an_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int | None, lengths: dict[str, tuple[str, str]]
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], place: Path, log: Path) -> Watched:
        commands.append(command)
        end = {"steps": 2, "skipped": 0, "gpu_mb": 0, "precision": "float32"}
        return Watched(
            (Event("step", 1.0, {"real": 5.0, "padded": 5.0}), Event("end", 2.0, end)), (), 2.0, 9.0, 0.0, 0.0
        )

    monkeypatch.setattr("benchmark_sides.watch_alone", run)
    part = Part("base", (), Path("model"), True, Clips(Path("clips"), (10.0,) * 41), steps=steps)
    for side, (option, value) in lengths.items():
        run_side(side, part, tmp_path, "it", "char")
        assert commands[-1][commands[-1].index(option) + 1] == value, side


@pytest.mark.parametrize(
    ("others", "gain", "tries"), [((0.02,), True, 1), ((0.5, 0.3, 0.4), False, 3), ((0.5, 0.05), False, 2)]
)
def test_precision_of_b_is_tried_again_while_others_use_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: tuple[float, ...], gain: bool, tries: int
) -> None:
    waiting = iter(zip(others, (1.2, 0.9, 1.3), strict=False))
    done = []

    def run(command: list[str], place: Path, log: Path) -> Watched:
        assert "--probe" in command
        busy, found = next(waiting)
        done.append(busy)
        return Watched((Event("probed", 1.0, {"gain": found, "trials": 6}),), (), 2.0, 9.0, busy, 0.0)

    monkeypatch.setattr("benchmark_sides.watch_alone", run)
    monkeypatch.setattr("hf_speech_tl.models.quick_dtype", lambda device: torch.bfloat16)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    part = Part("base", (), Path("model"), True, Clips(Path("clips"), (5.0,)))
    assert faster_in_bfloat16(part, tmp_path) is gain and len(done) == tries
    assert json.loads((tmp_path / "gain-model.json").read_text("utf-8"))["others"] == min(others)
    if min(others) < 0.1:
        assert faster_in_bfloat16(part, tmp_path) is gain and len(done) == tries


def test_transformers_groups_among_as_many_batches_as_are_told() -> None:
    from transformers.trainer_pt_utils import get_length_grouped_indices

    for count in (3, 48, 180, 3_000):
        lengths = np.random.default_rng(0).uniform(2, 8, count)
        clips = Clips(Path(), tuple(lengths.tolist()))
        size = clips.batch_size(40)
        order = lengths[get_length_grouped_indices(lengths, size)]
        rises = [at for at in range(2, count) if order[at] > order[at - 1]]  # where the next group begins
        assert (rises or [count])[0] == min(count, grouped_among(clips) * size)


def test_machines_differ_by_what_makes_them_fast() -> None:
    assert name_machine(MACHINE) == "a processor, 2 cores, 2 threads, torch 2, transformers 5"
    assert name_machine({**MACHINE, "gpu": "a GPU"}).startswith("a GPU, ")


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
    (tmp_path / "lengths-wide.json").write_text(json.dumps([4.0] * 90), "utf-8")
    (tmp_path / "gain-model-base.json").write_text(json.dumps({"gain": 1.8, "trials": 6, "others": others}), "utf-8")
    page = write_report(tmp_path, MACHINE, {"corpus": "qu-killkan"})
    assert (
        said in page
        and "peak GPU memory" not in page
        and "| wide | 90 | 6.0 | 4.0 | 4.0 | 4.0 | 2 of 9 batches |" in page
    )
    assert (
        f"base{'*' if others > 0.1 else ''} 1.80 times as fast, the median of 6 trials, others at {others:.0%}." in page
    )
    assert "†" not in page and "GPU" not in page and "| float32 | 3 | 60.0 | 2 |" in page
    assert (f"| A{'*' if others > 0.1 else ''} | 15.0 | 1.20 |") in page
    told = json.loads((tmp_path / "benchmark.json").read_text("utf-8"))
    assert told["ratios"]["starter, wide"] == {
        "ours / A": {"speed": 5.0, "first_step": 1.0, "peak_mb": 1.0, "disk_mb": 1.0, "judging": 1.0}
    }
    assert told["commands"] == ["scripts/benchmark it", "scripts/benchmark it --rounds 2"]
    assert page == (tmp_path / "benchmark.md").read_text("utf-8").rstrip("\n")
    assert (tmp_path / "benchmark.svg").read_bytes().startswith(b"<?xml")


def test_the_picture_has_a_panel_for_each_part_and_no_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr("hf_speech_tl.publishing.style.write_svg", lambda figure, _: drawn.append(figure))
    runs = {"A": [{"speed": 1.0}], "ours": [{"speed": 2.0}]}
    for parts in (1, 2, 3):
        draw({f"part {at}": runs for at in range(parts)}, tmp_path / "benchmark.svg")
        assert [axes.axison for axes in drawn[-1].axes] == [True] * parts + [False] * (parts % 2)


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
    rows = page.split("| side |")[1].split("\n\n")[0].splitlines()[2:]
    assert [row.split()[1].rstrip("*†") for row in rows] == ["A", "B", "ours", "kept"]
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
    assert "| 30 steps | A‡ | 100.0 (7) | 100.0 (7) | 100.0 | 0.0 |" in page
    assert "| 2 minutes | B | 0.0 (7) | 0.0 (7) | 0.0 | 0.0 |" in page and "| 2 minutes | ours | 50.0 (7) |" in page
    assert "B at 1e-3; of B tried on validation 1e-3: 0.0, 1e-4: 33.3, 3e-4: 33.3; ours at its default." in page
    done = len(asked)
    assert [*run_errors(contest, tmp_path)] and len(asked) == done


def test_the_report_marks_what_skipped_steps_and_what_has_not_learnt(tmp_path: Path) -> None:
    _runs(tmp_path, 0.0)
    file = tmp_path / "runs" / "A-1.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | {"skipped": 1}), "utf-8")
    (tmp_path / "errors").mkdir()
    for seed in (0, 2, 10):
        for side, cer in (("B", 0.95 if seed == 2 else 0.8), ("ours", 0.95)):
            told = {"side": side, "unit": "steps", "length": "30", "seed": seed, "rate": "1e-3", "split": "test"}
            told |= {"cer": cer, "steps": 30 + seed, "skipped": 0, "others": 0.6, "date": "2026-01-02"}
            (tmp_path / "errors" / f"{side}-{seed}.json").write_text(json.dumps(told), "utf-8")
    (tmp_path / "commands.txt").touch()
    page = write_report(tmp_path, {**MACHINE, "gpu": "a GPU"}, {"corpus": "qu"})
    assert "| A† | 15.0 |" in page and "†: in 1 of 10 runs more than 1% of the steps were skipped" in page
    assert "at most 33%" in page
    assert "| seed 0: CER, steps | seed 2: CER, steps | seed 10: CER, steps |" in page
    assert "| 30 steps | B‡ | 80.0 (30) | 95.0 (32) | 80.0 (40) | 85.0 | 15.0 |" in page
    assert "| 30 steps | ours | 95.0 (30) |" in page and "‡: a CER above 90%" in page
    assert "was busy" not in page and "**On a GPU this is not fair yet**" in page

"""The benchmark's report: medians and ratios of what the runs said, as a page, as JSON and as a picture."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark_clips import Clips
from benchmark_sides import BATCH_SECONDS, SIDES, grouped_among
from benchmark_watch import BUSY

_SKIPPED = 0.01  # of the steps, that a side may skip before its figures are marked
_UNLEARNT = 0.9  # CER above which a recipe is no baseline
_COLUMNS = {
    "speed": "real audio, s a second",
    "padding": "computed for 1 s of it, s",
    "first_step": "first step after, s",
    "peak_mb": "peak memory, MB",
    "gpu_mb": "peak GPU memory, MB",
    "disk_mb": "extra disk, MB",
    "judging": "recognition, s of audio a second",
}
_RATIOS = ("speed", "first_step", "peak_mb", "gpu_mb", "disk_mb", "judging")
_RECIPES = ("A", "B", "A-lora", "B-lora")
Run = Mapping[str, Any]


def write_report(work: Path, machine: Mapping[str, Any], question: Mapping[str, object]) -> str:
    """benchmark.md, benchmark.json and benchmark.svg in `work`, of all runs that are kept there; returns the page.

    commands.txt there has the commands that were given, of which each is told once.
    """
    commands = list(dict.fromkeys((work / "commands.txt").read_text("utf-8").splitlines()))
    runs = [json.loads(file.read_text("utf-8")) for file in sorted((work / "runs").glob("*.json"))]
    parts: dict[str, dict[str, list[Run]]] = {}
    for run in runs:
        parts.setdefault(run["part"], {}).setdefault(run["side"], []).append(run)
    for name, sides in parts.items():
        parts[name] = {side: sides[side] for side in SIDES if side in sides}
    heard = [json.loads(file.read_text("utf-8")) for file in sorted(work.glob("heard-*.json"))]
    errors = [json.loads(file.read_text("utf-8")) for file in sorted((work / "errors").glob("*.json"))]
    lengths = {file.stem[8:]: json.loads(file.read_text("utf-8")) for file in sorted(work.glob("lengths-*.json"))}
    gains = {
        file.stem[5:].removeprefix("model-"): json.loads(file.read_text("utf-8"))
        for file in sorted(work.glob("gain-*.json"))
    }
    told = {
        "commands": commands,
        "machine": machine,
        "question": question,
        "lengths": lengths,
        "gains": gains,
        "parts": {name: {side: _medians(of) for side, of in sides.items()} for name, sides in parts.items()},
        "ratios": {name: _ratios(sides) for name, sides in parts.items()},
        "runs": runs,
        "transcription": heard,
        "errors": errors,
    }
    page = "\n".join(
        [
            *_head(machine, question, commands, [*runs, *heard, *errors]),
            *_lengths(lengths),
            *_gains(gains),
            *(line for name, sides in parts.items() for line in _part(name, sides)),
            *_heard(heard),
            *_errors(errors, str(question["corpus"])),
            *_foot([*runs, *heard, *errors], bool(machine["gpu"])),
        ]
    )
    (work / "benchmark.json").write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", "utf-8")
    (work / "benchmark.md").write_text(page + "\n", "utf-8")
    if parts:
        draw(parts, work / "benchmark.svg")
    return page


def draw(parts: Mapping[str, Mapping[str, Sequence[Run]]], picture: Path) -> None:
    """A panel for each part: how much real audio a side trains on in a second, a bar to the median, a dot a round."""
    from matplotlib import style
    from matplotlib.figure import Figure

    from hf_speech_tl.publishing.style import BLUE, ORANGE, STYLE, write_svg

    most = max(map(len, parts.values()))
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(9, -(-len(parts) // 2) * (1.1 + 0.3 * most)), layout="constrained", facecolor="white")
        grid = [*figure.subplots(-(-len(parts) // 2), 2, squeeze=False).flat]
        for axes, (name, sides) in zip(grid, parts.items(), strict=False):
            for place, (side, runs) in enumerate(sides.items()):
                speeds = [run["speed"] for run in runs]
                colour = ORANGE if side in _RECIPES else BLUE
                axes.barh(place, statistics.median(speeds), color=colour, alpha=0.5, height=0.6)
                axes.plot(speeds, [place] * len(speeds), "o", color=colour, markersize=4)
            axes.set(
                title=name, xlabel="real audio trained on, s a second", ylim=(len(sides) - 0.5, -0.5), xlim=(0, None)
            )
            axes.set_yticks(range(len(sides)), list(sides))
            axes.grid(visible=False, axis="y")
        for axes in grid[len(parts) :]:
            axes.set_axis_off()
        write_svg(figure, picture)


def _head(machine: Run, question: Mapping[str, object], commands: Sequence[str], runs: Sequence[Run]) -> list[str]:
    dates = sorted({run["date"] for run in runs})
    on = machine["gpu"] or machine["processor"]
    instructions = ", ".join(machine["instructions"]) or "none of those that matter"
    return [
        f"# Benchmark, {' to '.join(dict.fromkeys([dates[0], dates[-1]])) if dates else 'nothing measured yet'}",
        "",
        "```",
        *commands,
        "```",
        "",
        f"On {on}: {machine['cores']} cores, {machine['threads']} threads, {instructions}; torch {machine['torch']}, "
        f"transformers {machine['transformers']}. Clips made of {question['corpus']}.",
        "",
    ]


def _lengths(lengths: Mapping[str, Sequence[float]]) -> list[str]:
    lines = [
        "| clips to learn from | how many | minutes | 10th percentile, s | median, s | 90th, s | B groups among |",
        "|---" * 7 + "|",
    ]
    for name, seconds in lengths.items():
        low, *_, high = statistics.quantiles(seconds, n=10) if len(seconds) > 1 else [seconds[0], seconds[0]]
        figures = f"{low:.1f} | {statistics.median(seconds):.1f} | {high:.1f}"
        clips = Clips(Path(), tuple(seconds))
        batches = len(seconds) // clips.batch_size(BATCH_SECONDS)
        # B has no part in what is kept.
        grouped = "" if name.endswith("-kept") else f"{grouped_among(clips)} of {batches} batches"
        lines.append(f"| {name} | {len(seconds)} | {sum(seconds) / 60:.1f} | {figures} | {grouped} |")
    return [*lines, ""] if lengths else []


def _gains(gains: Mapping[str, Run]) -> list[str]:
    """How B came to its precision."""
    told = []
    for name, of in gains.items():
        trials = f", the median of {of['trials']} trials" if "trials" in of else ""
        mark = "*" if of["others"] > BUSY else ""
        told.append(f"{name}{mark} {of['gain']:.2f} times as fast{trials}, others at {of['others']:.0%}")
    return [f"B's passes in bfloat16, beside float32: {'; '.join(told)}.", ""] if told else []


def _part(name: str, sides: Mapping[str, Sequence[Run]]) -> list[str]:
    columns = {
        key: title for key, title in _COLUMNS.items() if any(run[key] for runs in sides.values() for run in runs)
    }
    lines = [f"## {name}", "", f"| side | {' | '.join(columns.values())} | precision | steps | audio, s | rounds |"]
    lines.append("|---" * (len(columns) + 5) + "|")
    for side, runs in sides.items():
        medians = _medians(runs)
        cells = [_number(medians[key]) for key in columns]
        mark = ("*" if any(map(_busy, runs)) else "") + ("†" if any(map(_skips, runs)) else "")
        precision = ", ".join(sorted({run["precision"] for run in runs}))
        cells += [precision, f"{medians['steps']:g}", _number(medians["audio"]), str(len(runs))]
        lines.append(f"| {side}{mark} | {' | '.join(cells)} |")
    lines.append("")
    keys = [key for key in _RATIOS if key in columns]
    if ratios := _ratios(sides):
        lines += [f"| ratio | {' | '.join(columns[key] for key in keys)} |", "|---" * (len(keys) + 1) + "|"]
        for of, found in ratios.items():
            lines.append(f"| {of} | {' | '.join(f'{found[key]:.2f}' if key in found else '' for key in keys)} |")
        lines.append("")
    return lines


def _heard(heard: Sequence[Run]) -> list[str]:
    if not heard:
        return []
    lines = ["## transcription, from files to texts", ""]
    lines += ["| model | clips | pipeline, batch 1, s of audio a second | batch 8 | ours | ours / 1 | ours / 8 |"]
    lines.append("|---" * 7 + "|")
    for of in heard:
        one, eight, us = (statistics.median(of["speeds"][name]) for name in ("pipeline1", "pipeline8", "ours"))
        mark = "*" if _busy(of) else ""
        speeds = f"{_number(one)} | {_number(eight)} | {_number(us)}"
        lines.append(f"| {of['model']}{mark} | {of['clips']} | {speeds} | {us / one:.2f} | {us / eight:.2f} |")
    said = "Ours computes in bfloat16 where the machine multiplies it, as `transcribe` does; the pipeline in float32."
    return [*lines, "", said, ""]


def _errors(errors: Sequence[Run], corpus: str) -> list[str]:
    """A row for each side and length; the rates of B that were tried in a line below."""
    judged: dict[tuple[str, str, str], list[Run]] = {}
    for run in errors:
        if run["split"] == "test":
            judged.setdefault((run["unit"], run["length"], run["side"]), []).append(run)
    if not judged:
        return []
    seeds = sorted({run["seed"] for runs in judged.values() for run in runs})
    lines = [f"## test CER in per cent, {corpus}, the starter's shape from random weights", ""]
    lines.append(f"| after | side | {' | '.join(f'seed {seed}: CER, steps' for seed in seeds)} | mean | spread |")
    lines.append("|---" * (len(seeds) + 4) + "|")
    for (unit, length, side), runs in sorted(judged.items()):
        cers = [100 * run["cer"] for run in runs]
        of_seed = {run["seed"]: f"{100 * run['cer']:.1f} ({run['steps']})" for run in runs}
        mark = ("*" if any(map(_busy, runs)) else "") + ("†" if any(map(_skips, runs)) else "")
        mark += "‡" if any(map(_is_unlearnt, runs)) else ""
        spread = f"{statistics.mean(cers):.1f} | {max(cers) - min(cers):.1f}"
        cells = " | ".join(of_seed.get(seed, "") for seed in seeds)
        lines.append(f"| {length} {unit} | {side}{mark} | {cells} | {spread} |")
    tried = [
        f"{run['rate']}: {100 * run['cer']:.1f}{'*' if _busy(run) else ''}"
        for run in errors
        if run["split"] == "validation"
    ]
    rates = ", ".join(
        f"{side} at {rate}"
        for side, rate in sorted(
            {(run["side"], run["rate"]) for run in errors if run["split"] == "test" and run["rate"]}
        )
    )
    return [*lines, "", f"Rates: {rates}; of B tried on validation {', '.join(tried)}; ours at its default.", ""]


def _foot(runs: Sequence[Run], on_gpu: bool) -> list[str]:
    lines = [f"{side}: {what}." for side, what in SIDES.items() if side in {run.get("side") for run in runs}]
    if skipping := [run for run in runs if _skips(run)]:
        lines.append(
            f"†: in {len(skipping)} of {len(runs)} runs more than {_SKIPPED:.0%} of the steps were skipped, as their "
            f"gradient was not finite, at most {max(run['skipped'] / run['steps'] for run in skipping):.0%}."
        )
    if any(map(_is_unlearnt, runs)):
        lines.append(f"‡: a CER above {_UNLEARNT:.0%}: this recipe has not learnt, and is no baseline.")
    if on_gpu:
        lines.append(
            "**On a GPU this is not fair yet**: A and B load their batches in the training process, and transformers' "
            "pipeline computes in float32, while ours decodes ahead and takes bfloat16."
        )
    if busy := [run for run in runs if _busy(run)]:
        most = max(run["others"] for run in busy)
        lines.append(
            f"**The machine was busy**: in {len(busy)} of {len(runs)} runs, marked *, other programs took more than "
            f"{BUSY:.0%} of its processors, at most {most:.0%}. Those figures say little."
        )
    elif runs:
        lines.append(
            f"The machine was quiet where it matters: others never took more than {BUSY:.0%} of its processors."
        )
    return [text for line in lines for text in (line, "")][:-1]


def _busy(run: Run) -> bool:
    """Whether others had so much of the machine that it matters: after equal steps a CER is the same."""
    return bool(run["others"] > BUSY and run.get("unit") != "steps")


def _skips(run: Run) -> bool:
    return bool(run.get("skipped", 0) > _SKIPPED * run.get("steps", 0))


def _is_unlearnt(run: Run) -> bool:
    return bool(run.get("split") == "test" and run["side"] in _RECIPES and run["cer"] > _UNLEARNT)


def _medians(runs: Sequence[Run]) -> dict[str, float]:
    keys = [*_COLUMNS, "steps", "skipped", "audio", "seconds", "others"]
    return {key: statistics.median(run[key] for run in runs) for key in keys}


def _ratios(sides: Mapping[str, Sequence[Run]]) -> dict[str, dict[str, float]]:
    """Of each of our sides to each recipe of its kind: the median over the rounds of what both did in one round."""
    found: dict[str, dict[str, float]] = {}
    for side, runs in sides.items():
        for other in _RECIPES:
            if side in _RECIPES or other not in sides or ("lora" in side) != ("lora" in other):
                continue
            theirs = {run["round"]: run for run in sides[other]}
            pairs = [(run, theirs[run["round"]]) for run in runs if run["round"] in theirs]
            found[f"{side} / {other}"] = {
                key: statistics.median(one[key] / two[key] for one, two in pairs)
                for key in _RATIOS
                if pairs and all(two[key] for _, two in pairs)
            }
    return found


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"

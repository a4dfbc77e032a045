"""The sides of the benchmark: what each of them is called with, and what a run of one says."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmark_clips import Clips
from benchmark_watch import BUSY, Watched, watch

BATCH_SECONDS = 40.0  # of B and of ours, of every size; of ours this is the default for the starter
DOCUMENTED_BATCH = 8  # clips
_PROBES = 3  # of a machine that others use meanwhile
EPOCHS = 5  # of the sides that keep what frozen layers make, the first one included
SIDES = {
    "A": "the documented recipe",
    "B": "the recipe tuned by an expert",
    "ours": "ours, nothing kept of the frozen layers",
    "kept": f"ours, what frozen layers make kept in memory, {EPOCHS} epochs, the first included",
    "A-lora": "the documented recipe with LoRA as PEFT teaches it",
    "B-lora": "the tuned recipe with the same LoRA",
    "lora": "ours with LoRA, nothing kept",
}
_SCRIPTS = Path(__file__).parent


@dataclass(frozen=True)
class Part:
    """Sides that are compared: of one model on one set of clips.

    model: a directory. frozen: its weights are treated as pretrained, and its convolutions are not trained; else fresh
    ones of the starter's shape are. kept: the clips of the side of that name. steps: of the sides that do not take
    epochs; None for one epoch. bfloat16: whether a step of B is faster in it.
    """

    name: str
    sides: tuple[str, ...]
    model: Path
    frozen: bool
    clips: Clips
    kept: Clips | None = None
    steps: int | None = None
    bfloat16: bool = False


@dataclass(frozen=True)
class Figures:
    """What one run of a side says.

    speed: seconds of real audio that were trained on in a second of training steps, with loading them. padding: seconds
    that were computed for a second of real audio. first_step: seconds from the start of the process to the end of the
    first step. peak_mb, others, before: as of Watched; gpu_mb: the most that torch held on a GPU, 0 without one.
    disk_mb: what was left on the disk besides the model. judging: seconds of audio recognised in a second. steps and
    audio: how much was trained. seconds: from start to end.
    """

    speed: float
    padding: float
    first_step: float
    peak_mb: float
    gpu_mb: float
    disk_mb: float
    judging: float
    steps: int
    skipped: int
    audio: float
    precision: str
    seconds: float
    others: float
    before: float
    date: str


def recipe(side: str, part: Part, output: Path, *more: str) -> list[str]:
    """The command of A or B; more: how long, and other options of scripts/recipe.py."""
    words = [sys.executable, str(_SCRIPTS / "recipe.py"), "--data", str(part.clips.folder), "--model", str(part.model)]
    words += ["--output", str(output), *more]
    if side.startswith("B"):
        words += ["--group-by-length", "--no-dropout", "--batch-size", str(batch_size(side, part))]
        words += ["--bf16"] if part.bfloat16 else []
    words += ["--lora"] if side.endswith("lora") else []
    return words + (["--freeze-feature-encoder"] if part.frozen else [])


def ours(side: str, part: Part, output: Path, lang: str, units: str, *more: str) -> list[str]:
    """Our command, on the same footing; more: how long, and other options of finetune."""
    clips = part.kept if side == "kept" and part.kept else part.clips
    words = [sys.executable, str(_SCRIPTS / "benchmark_ours.py"), "--lang", lang, "--units", units]
    words += ["--data", str(clips.folder), "--output", str(output), "--batch-seconds", str(BATCH_SECONDS)]
    words += ["--model", str(part.model)] if part.frozen else ["--model", "starter", "--from-scratch"]
    words += ["--tuning", "lora"] if side == "lora" else []
    return [*words, "--cache", "memory" if side == "kept" else "none", "--quiet", *more]


def batch_size(side: str, part: Part) -> int:
    """The clips in a step of the recipe."""
    return DOCUMENTED_BATCH if side.startswith("A") else part.clips.batch_size(BATCH_SECONDS)


def grouped_among(clips: Clips) -> int:
    """Among how many batches of B transformers groups clips by length; ours sorts those of a whole epoch."""
    return max(1, min(len(clips.lengths) // (4 * clips.batch_size(BATCH_SECONDS)), 50))


def run_side(side: str, part: Part, work: Path, lang: str, units: str) -> Figures:
    """A side in a process of its own, whose caches are new. Raises Failed."""
    with tempfile.TemporaryDirectory(dir=work) as place:
        output = Path(place) / "output"
        if side[0] in "AB":
            steps = part.steps or max(1, len(part.clips.lengths) // batch_size(side, part))
            command = recipe(side, part, output, "--max-steps", str(steps))
        else:
            limited = part.steps and side != "kept"
            length = ("--max-steps", str(part.steps)) if limited else ("--epochs", str(EPOCHS if side == "kept" else 1))
            # From random weights A and B change nothing either; pretrained ones mask as transformers does by itself.
            plain = () if part.frozen else ("--augment", "none")
            command = ours(side, part, output, lang, units, *length, *plain)
        watched = watch_alone(command, Path(place), work / "errors.log")
        left = sum(
            file.stat().st_size for name in ("home", "tmp") for file in Path(place, name).rglob("*") if file.is_file()
        )
    return _figures(watched, left / 1e6)


def watch_alone(command: Sequence[str], place: Path, log: Path) -> Watched:
    """The process with caches of its own in `place`, that nothing is known from an earlier one. Raises Failed."""
    (place / "tmp").mkdir(exist_ok=True)
    home = place / "home"
    return watch(
        command,
        log,
        HF_HOME=str(home),
        HF_DATASETS_CACHE=str(home / "datasets"),
        HF_HUB_OFFLINE="1",
        TMPDIR=str(place / "tmp"),
    )


def _figures(watched: Watched, disk_mb: float) -> Figures:
    last = spent = real = padded = first = judging = judged = 0.0
    end: dict[str, Any] = {}
    for event in watched.events:
        if event.name == "step":
            spent += event.seconds - last
            real, padded = real + event.figures["real"], padded + event.figures["padded"]
            first = first or event.seconds
        elif event.name == "judged":
            judged = event.figures["real"] / (event.seconds - judging)
        elif event.name == "judging":
            judging = event.seconds
        elif event.name == "end":
            end = dict(event.figures)
        last = event.seconds
    return Figures(
        speed=round(real / spent, 3),
        padding=round(padded / real, 3),
        first_step=round(first, 1),
        peak_mb=round(watched.peak_mb),
        gpu_mb=end["gpu_mb"],
        disk_mb=round(disk_mb, 1),
        judging=round(judged, 2),
        steps=end["steps"],
        skipped=end["skipped"],
        audio=round(real, 1),
        precision=end["precision"],
        seconds=round(watched.seconds, 1),
        others=round(watched.others, 3),
        before=round(watched.before, 3),
        date=time.strftime("%Y-%m-%d"),
    )


def faster_in_bfloat16(part: Part, work: Path) -> bool:
    """Whether B's steps are, by some of them tried in a process of its own, so that no run of B pays for it.

    gain-MODEL.json in `work` keeps what was found; where others took more than BUSY of the machine it is tried again,
    up to three times, and the quietest trial counts. Raises Failed.
    """
    import torch

    from hf_speech_tl.models import quick_dtype

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if quick_dtype(device) == torch.float32 or device.type == "cuda":  # emulated, a step would take minutes
        return quick_dtype(device) == torch.bfloat16
    kept = work / f"gain-{part.model.name}.json"
    found = _kept_gain(kept)
    for _ in range(_PROBES):
        if found and found["others"] <= BUSY:
            break
        print(f"{part.name}: is bfloat16 faster? ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(dir=work) as place:
            command = recipe("B", part, Path(place) / "output", "--probe")
            watched = watch_alone(command, Path(place), work / "errors.log")
        tried = {**watched.events[-1].figures, "others": round(watched.others, 3)}
        found = min(found or tried, tried, key=lambda one: one["others"])
        kept.write_text(json.dumps(found) + "\n", "utf-8")
    return float(found["gain"]) > 1


def _kept_gain(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text("utf-8"))) if file.is_file() else {}


def keep(figures: Figures, part: str, side: str, number: int, file: Path) -> None:
    """Write what a run said; `part`, `side` and `number`, its round, stand beside it."""
    beside = file.with_suffix(".part")
    beside.write_text(json.dumps({"part": part, "side": side, "round": number, **asdict(figures)}) + "\n", "utf-8")
    beside.rename(file)

"""Checkpoints on the disk: each appears whole or not at all, and the newest whole one is found again."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import TrainerCallback

from hf_speech_tl.errors import DiskError
from hf_speech_tl.training.descent import Descent

_NAME = re.compile(r"checkpoint-(\d+)")
_PARTS = "parts.json"  # every other file of a checkpoint, with its size in bytes
_BESIDE = ".writing"
REST = "rest.json"
_SHARE = 0.02  # of a run's time, that writing checkpoints may take
BEST = "best.safetensors"  # the weights of the best evaluation, where that was an earlier step
AVERAGE = "average.safetensors"  # the average of the weights, where one is kept


@dataclass(frozen=True)
class Rest:
    """What transformers has no place for: the trainer's figures, and by process those that differ.

    skipped, in_a_row: steps whose gradient was not finite, in all and just now. last_logged: the step of the log's last
    line. sharded: whether FSDP had cut the model up among the processes. evaluation_seconds: of `seconds`; older
    checkpoints do not say. descent: that which the run is on to its early end, if any.
    """

    seconds: float
    audio_seconds: float
    skipped: int
    in_a_row: int
    last_logged: int
    by_process: list[dict[str, Any]]
    sharded: bool
    evaluation_seconds: float = 0.0
    descent: Descent | None = None

    def write(self, checkpoint: Path) -> None:
        """Put it into the folder of a checkpoint."""
        (checkpoint / REST).write_text(json.dumps(asdict(self)), "utf-8")

    @classmethod
    def read(cls, checkpoint: Path) -> Rest:
        """What a whole checkpoint holds of it."""
        stored = json.loads((checkpoint / REST).read_text("utf-8"))
        descent = stored.pop("descent", None)
        return cls(**stored, descent=Descent(**descent) if descent else None)


class AtBegin(TrainerCallback):
    """Calls a function when the Trainer has loaded its own part of a checkpoint."""

    def __init__(self, restore: Callable[[], None]) -> None:
        self._restore = restore

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self._restore()


class Pauses:
    """Those between checkpoints, so long that writing them takes but a small share of the time.

    What is lost with a run that is stopped in one is the time since the last: a run that goes on does those steps once
    more, alike.
    """

    def __init__(self) -> None:
        self._written = -float("inf")
        self._took = 0.0

    @property
    def over(self) -> bool:
        """Whether it is time for a checkpoint; for the first one it always is."""
        return time.monotonic() - self._written >= self._took / _SHARE

    @contextmanager
    def begin(self) -> Iterator[None]:
        """A pause begins where this ends, in which a checkpoint is written."""
        began = time.monotonic()
        yield
        self._written = time.monotonic()
        self._took = self._written - began


def beside(checkpoints: Path) -> Path:
    """The folder in which the next checkpoint is written, until it is whole."""
    return checkpoints / _BESIDE


def finish(checkpoints: Path, step: int) -> None:
    """Give the checkpoint of `step`, all of it written beside, its name, and remove all others but the one before.

    A power cut may lose what was not flushed to the disk, so files go there before the name does.
    """
    written, target = beside(checkpoints) / f"checkpoint-{step}", checkpoints / f"checkpoint-{step}"
    files = sorted(path for path in written.rglob("*") if path.is_file())
    sizes = {path.relative_to(written).as_posix(): path.stat().st_size for path in files}
    (written / _PARTS).write_text(json.dumps(sizes), "utf-8")
    for path in (*files, written / _PARTS, *(path for path in written.rglob("*") if path.is_dir()), written):
        _flush(path)
    if target.exists():  # damaged, or this run would not have come to its step once more
        shutil.rmtree(target)
    os.replace(written, target)
    _flush(checkpoints)
    _remove_others(checkpoints, step)


def is_whole(checkpoint: Path) -> bool:
    """Whether every file that was written is there, and as long as it was."""
    try:
        sizes = json.loads((checkpoint / _PARTS).read_text("utf-8"))
        return all((checkpoint / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def steps_done(checkpoint: Path) -> int:
    """Optimiser steps a checkpoint has behind it."""
    return int(checkpoint.name.rpartition("-")[2])


def last_step(checkpoint: Path, planned: int) -> int:
    """The step at which the run of a checkpoint ends: the last of those that were planned, unless it ends early."""
    descent = Rest.read(checkpoint).descent
    return descent.ends if descent else planned


def how_launched(checkpoint: Path) -> tuple[int, bool]:
    """How many processes wrote it, and whether FSDP had cut the model up among them."""
    rest = Rest.read(checkpoint)
    return len(rest.by_process), rest.sharded


def latest(checkpoints: Path) -> Path | None:
    """The newest whole checkpoint; one that lost a file, or the end of one, is passed over."""
    return next((path for path in reversed(_all(checkpoints)) if is_whole(path)), None)


@contextmanager
def writing(checkpoints: Path, step: int) -> Iterator[None]:
    """While a checkpoint is written: DiskError where the disk is full or fails, and nothing of it is left."""
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        # torch says of a disk that is full only that its writer failed; its other errors are not ours.
        if isinstance(error, RuntimeError) and not re.search(r"PytorchStreamWriter|inline_container", str(error)):
            raise
        shutil.rmtree(beside(checkpoints), ignore_errors=True)
        last = latest(checkpoints)
        needed = sum(path.stat().st_size for path in last.rglob("*")) if last else None
        reason = (error.strerror if isinstance(error, OSError) else None) or "the disk is full, or fails"
        takes = f"one takes {needed / 1e6:.0f} MB, " if needed else ""
        whole = f"that of step {steps_done(last)} is whole; " if last else ""
        raise DiskError(
            f"{checkpoints}: the checkpoint of step {step} could not be written ({reason}); {takes}"
            f"{shutil.disk_usage(checkpoints).free / 1e6:.0f} MB are free; {whole}make room"
        ) from error


def _all(checkpoints: Path) -> list[Path]:
    """Checkpoints by their steps, oldest first, whole or not."""
    return sorted((path for path in checkpoints.glob("checkpoint-*") if _NAME.fullmatch(path.name)), key=steps_done)


def _remove_others(checkpoints: Path, newest: int) -> None:
    earlier = [path for path in _all(checkpoints) if steps_done(path) != newest]
    kept = [path for path in earlier if is_whole(path)][-1:]
    for path in earlier:
        if path not in kept:
            shutil.rmtree(path, ignore_errors=True)


def _flush(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    if os.name == "nt" and path.is_dir():  # which has no such thing
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

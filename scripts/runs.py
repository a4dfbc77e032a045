"""Runs of the package that scripts start: each in its directory, begun once, gone on with where it was stopped."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from environment import stop

import hf_speech_tl
from hf_speech_tl.errors import INTERRUPTED, RunError, SettingsError

_HERE = Path(__file__).parents[1]
_STARTER = _HERE / "hf_speech_tl" / "assets" / "starter"


class Failed(RunError):
    """A run that failed, and has said why itself; with its exit code."""

    def __init__(self, output: Path, code: int) -> None:
        super().__init__(f"{output.name}: failed with exit code {code}; the same command tries it again")
        self.exit_code = code if code > 0 else 1


def note_question(directory: Path, question: Mapping[str, object], model: str | None) -> str | None:
    """Note what the runs in `directory` are about, with the weights of `model` if there are any, so that those of
    another question are not taken for them. Returns what differs from what was noted before, None where nothing does.
    What an older version did not ask about differs from nothing, and is noted now.

    Raises SettingsError for a place that cannot be written or holds something else.
    """
    asked: dict[str, Any] = dict(question)
    if model is not None:
        weights = (_STARTER if model == "starter" else Path(model)) / "model.safetensors"
        asked["weights"] = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else None
    path = directory / "question.json"
    before = _read(path) if path.is_file() else {}
    if other := next((f"{key} ({before[key]})" for key in asked if key in before and before[key] != asked[key]), None):
        return other
    if asked.keys() <= before.keys():
        return None
    try:
        if not before and directory.is_dir() and any(directory.iterdir()) and not any(directory.glob("*/run.yaml")):
            raise SettingsError(f"--work {directory}: holds something else, and is left alone; name an empty directory")
        directory.mkdir(parents=True, exist_ok=True)
        beside = path.with_name("question.json.part")  # cut short, it would be taken for damage of all the runs
        beside.write_text(json.dumps({**before, **asked}, ensure_ascii=False, indent=2) + "\n", "utf-8")
        os.replace(beside, path)
    except OSError as error:
        raise SettingsError(f"--work {directory}: cannot be written ({error.strerror}); name another") from error
    return None


def begin_work(directory: Path, question: Mapping[str, object], model: str) -> None:
    """Note what the runs in `directory` are about, and the commit, as note_question and note_commit do; end the script
    where they are about something else."""
    if other := note_question(directory, question, model):
        stop(f"--work {directory}: holds runs with another {other}; name another directory")
    note_commit(directory)


def note_commit(directory: Path) -> None:
    """Note in commits.txt the commit that begins or goes on with runs in `directory`, so that figures can be traced;
    another one than the last is told."""
    path = directory / "commits.txt"
    commits, now = path.read_text("utf-8").split("\n")[:-1] if path.is_file() else [], _commit()
    if commits[-1:] == [now]:
        return
    if commits:
        print(f"{directory}: holds runs of {commits[-1]}; goes on with {now}", file=sys.stderr, flush=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{now}\n")


def _commit() -> str:
    """The commit that stands in this checkout, with `-dirty` where files differ from it; elsewhere our version, and
    with it that git did not answer, should that be why."""
    words = ["git", "-C", str(_HERE), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        if (_HERE / ".git").exists():  # not that of somebody who unpacked us into a checkout of his own
            return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):  # git is not here, or refuses a checkout of somebody else
        return f"hf_speech_tl {hf_speech_tl.__version__}, git failed"
    return f"hf_speech_tl {hf_speech_tl.__version__}"


def finished(output: Path, is_whole: Callable[[Mapping[str, Any]], bool] | None = None) -> dict[str, Any] | None:
    """What results.json says of the run in `output`; None where there is none, or none that `is_whole`. Raises
    RunError for results that are damaged."""
    if not (output / "results.json").is_file():
        return None
    results = _read(output / "results.json")
    return results if is_whole is None or is_whole(results) else None


def complete(
    command: str,
    options: Sequence[str],
    output: Path,
    is_whole: Callable[[Mapping[str, Any]], bool] | None = None,
) -> dict[str, Any]:
    """What results.json says of the run in `output`, which is trained first unless it is complete.

    command: finetune, pretrain or transfer. is_whole: as `finished` has it. Ends this process where the run is stopped
    with Ctrl-C, or refuses its settings. Raises Failed where it fails, and RunError for results that are damaged.
    """
    if (results := finished(output, is_whole)) is not None:
        return results
    words = [sys.executable, "-m", f"hf_speech_tl.{command}", *options, "--output", str(output)]
    if any(output.glob("checkpoints/checkpoint-*/trainer_state.json")):
        words.append("--resume")
    elif command != "transfer" and (output / "run.yaml").is_file():  # which goes on by itself
        words.append("--overwrite")  # stopped before its first checkpoint
    print(f"{output.name} ...", file=sys.stderr, flush=True)
    stopped, code = _run(words)
    if stopped or code in (INTERRUPTED, -signal.SIGINT):  # it has saved, and said what goes on
        sys.exit(INTERRUPTED)
    if code == SettingsError.exit_code:  # nor would the others take such settings
        sys.exit(code)
    if code:
        raise Failed(output, code)
    return _read(output / "results.json")


def _run(words: Sequence[str]) -> tuple[bool, int]:
    """Whether somebody pressed Ctrl-C meanwhile, and the exit code. The run gets Ctrl-C too, and ends when it has
    saved; `subprocess` alone would wait for a quarter of a second, and kill it."""
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        code = subprocess.run(words, stdout=subprocess.DEVNULL).returncode
    finally:
        signal.signal(signal.SIGINT, before)
    return bool(pressed), code


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
        if isinstance(content, dict):
            return content
        raise ValueError("is no mapping")
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: is damaged ({error}); remove {path.parent}, and begin again") from error

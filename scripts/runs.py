"""Runs of the package that scripts start: each in its directory, begun once, gone on with where it was stopped."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_speech_tl.errors import RunError, SettingsError

_STARTER = Path(__file__).parents[1] / "hf_speech_tl" / "assets" / "starter"


def note_question(directory: Path, question: Mapping[str, object], model: str | None) -> str | None:
    """Note what the runs in `directory` are about, with the weights of `model` if there are any, so that those of
    another question are not taken for them. Returns what differs from what was noted before, None where nothing does.
    What an older version did not ask about differs from nothing, and is noted now.

    Raises SettingsError for a place that cannot be written or holds something else.
    """
    asked = dict(question)
    if model is not None:
        weights = (_STARTER if model == "starter" else Path(model)) / "model.safetensors"
        asked["weights"] = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else None
    path = directory / "question.json"
    before = _read(path) if path.is_file() else None
    if before is not None:
        other = next((f"{key} ({before[key]})" for key in asked if key in before and before[key] != asked[key]), None)
        if other or asked.keys() <= before.keys():
            return other
        asked = {**before, **asked}
    try:
        if before is None and directory.is_dir() and any(directory.iterdir()) and not any(directory.glob("*/run.yaml")):
            raise SettingsError(f"--work {directory}: holds something else, and is left alone; name an empty directory")
        directory.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asked, ensure_ascii=False, indent=2) + "\n", "utf-8")
    except OSError as error:
        raise SettingsError(f"--work {directory}: cannot be written ({error.strerror}); name another") from error
    return None


def complete(command: str, options: Sequence[str], output: Path) -> dict[str, Any]:
    """What results.json says of the run in `output`, which is trained first unless it is complete.

    command: finetune, pretrain or transfer. Ends this process where the run fails or is stopped. Raises RunError for
    results that are damaged.
    """
    if not (output / "results.json").is_file():
        words = [sys.executable, "-m", f"hf_speech_tl.{command}", *options, "--output", str(output)]
        if any(output.glob("checkpoints/checkpoint-*/trainer_state.json")):
            words.append("--resume")
        elif command != "transfer" and (output / "run.yaml").is_file():  # which goes on by itself
            words.append("--overwrite")  # stopped before its first checkpoint
        print(f"{output.name} ...", file=sys.stderr, flush=True)
        try:
            code = subprocess.run(words, stdout=subprocess.DEVNULL).returncode
        except KeyboardInterrupt:  # the run got it too, and has said what goes on
            sys.exit(130)
        if code:
            sys.exit(code)
    return _read(output / "results.json")


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
        if isinstance(content, dict):
            return content
        raise ValueError("is no mapping")
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: is damaged ({error}); remove {path.parent}, and begin again") from error

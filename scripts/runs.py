"""Runs of the package that scripts start: each in its directory, begun once, gone on with where it was stopped."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def complete(command: str, options: Sequence[str], output: Path) -> dict[str, Any]:
    """What results.json says of the run in `output`, which is trained first unless it is complete.

    command: finetune or pretrain. Ends this process where the run fails or is stopped.
    """
    if not (output / "results.json").is_file():
        words = [sys.executable, "-m", f"hf_speech_tl.{command}", *options, "--output", str(output)]
        if any(output.glob("checkpoints/checkpoint-*/trainer_state.json")):
            words.append("--resume")
        elif (output / "run.yaml").is_file():
            words.append("--overwrite")  # stopped before its first checkpoint
        print(f"{output.name} ...", file=sys.stderr, flush=True)
        try:
            code = subprocess.run(words, stdout=subprocess.DEVNULL).returncode
        except KeyboardInterrupt:  # the run got it too, and has said what goes on
            sys.exit(130)
        if code:
            sys.exit(code)
    results: dict[str, Any] = json.loads((output / "results.json").read_text("utf-8"))
    return results

"""Whether what a run left is all there, and readable, before something else is built on it."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open

from hf_speech_tl.errors import RunError


def find_damage(directory: Path) -> str | None:
    """What is wrong with a run that has a results.json, None where it is whole: of weights the headers are read, which
    know how long their files have to be."""
    try:
        read_results(directory / "results.json")
    except RunError:
        return "its results.json cannot be read"
    if not (directory / "config.json").is_file():
        return "it has no config.json"
    weights = sorted(directory.glob("*.safetensors"))
    if not weights:
        return "it has no weights"
    for path in weights:
        try:
            with safe_open(path, "pt"):
                pass
        except (OSError, SafetensorError):
            return f"its {path.name} was cut short"
    return None


def read_results(path: Path) -> dict[str, object]:
    """What a results.json holds. RunError where it is not as we write it."""
    try:
        results = json.loads(path.read_text("utf-8"))
        training = results["training"]
        if {"seconds", "steps"} <= training.keys():
            return dict(results)
        raise ValueError("nothing is said of the training")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{path}: is damaged ({type(error).__name__}: {error}). Bring it back, or remove {path.parent}."
        ) from error

"""A trained starter as it is shipped: half precision, with what loads it, and without a word of where it was made."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from environment import stop

import torch
from safetensors.torch import load_file, save_file

from hf_speech_tl.models import place_of
from hf_speech_tl.publishing.redaction import redact_results

_BESIDE = ("vocab.json", "tokenizer_config.json", "processor_config.json")
_FILES = {"config.json", "model.safetensors", "results.json", *_BESIDE}
MOST_BYTES = 24_000_000


def pack(trained: Path, output: Path, *, stages: Sequence[Mapping[str, Any]]) -> int:
    """Write what finetune left in `trained` into `output`; returns how many bytes that is.

    stages: results.json of what came before. That of `output` says that it was packed, so that finetune trains it as
    the starter wherever it lies; only of the package's own that it is the starter, whose licence goes along. Ends the
    process where a weight is beyond half precision, where it comes to more than 24 MB, and where `output` holds
    anything but a starter.
    """
    check_place(output)
    beside = output.with_name(output.name + ".part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    weights = {name: weight.half() for name, weight in load_file(trained / "model.safetensors").items()}
    if beyond := [name for name, weight in weights.items() if not torch.isfinite(weight).all()]:
        stop(f"{trained}: {beyond[0]} is beyond what half precision holds; train anew with more --weight-decay", 1)
    save_file(weights, beside / "model.safetensors", metadata={"format": "pt"})
    (beside / "model.safetensors").chmod(0o644)  # safetensors writes files that nobody else may read
    config = json.loads((trained / "config.json").read_text("utf-8"))
    config.pop("_name_or_path", None)
    # Half precision is for the disk: by this whoever loads it gets single.
    _write(beside / "config.json", config | {"dtype": "float32"})
    for name in _BESIDE:
        shutil.copyfile(trained / name, beside / name)
    results = json.loads((trained / "results.json").read_text("utf-8"))
    marks = {"packed": True} | ({"starter": True} if output.resolve() == Path(place_of("starter")) else {})
    results["model"] = {**results.get("model", {}), **marks}
    earlier = [redact_results(stage) for stage in stages]
    _write(beside / "results.json", redact_results(results) | {"stages": earlier})
    size = sum(path.stat().st_size for path in beside.iterdir())
    if size > MOST_BYTES:
        stop(f"{trained}: comes to {size / 1e6:.1f} MB; allowed: {MOST_BYTES / 1e6:g}", 1)
    output.mkdir(parents=True, exist_ok=True)
    for path in beside.iterdir():
        os.replace(path, output / path.name)
    beside.rmdir()
    return size


def check_place(output: Path) -> None:
    """End the process where `output` holds anything but a starter."""
    if output.is_dir() and (others := sorted({path.name for path in output.iterdir()} - _FILES)):
        stop(f"{output}: holds something else ({others[0]}); name another directory", 1)


def _write(path: Path, content: Mapping[str, object]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", "utf-8")

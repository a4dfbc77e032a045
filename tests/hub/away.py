"""A process of its own whose Hub is the stand-in."""

from __future__ import annotations

import os
from pathlib import Path

import hf_speech_tl
from hub.shelf import Hub

OF_THE_HUB = ("HF_", "HUGGING", "TRANSFORMERS_")  # how the variables begin that say where the Hub is, and who asks


def environment_of(hub: Hub, cache: Path) -> dict[str, str]:
    """The environment of such a process; huggingface_hub reads it when it is imported."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OF_THE_HUB)}
    return kept | {
        "HF_ENDPOINT": hub.url,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HOME": str(cache),
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": str(Path(hf_speech_tl.__file__).parents[1]),
    }

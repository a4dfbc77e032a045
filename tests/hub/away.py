"""Processes whose Hub is the stand-in: others, or this one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from huggingface_hub.utils import close_session

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


def come_here(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the stand-in the Hub of this process, as though huggingface_hub had been imported in that environment."""
    for name in [name for name in os.environ if name.startswith(OF_THE_HUB)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    read = {
        "ENDPOINT": hub.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_CACHE": str(cache / "hub"),
        "HF_TOKEN_PATH": str(cache / "token"),
    }
    for name, value in read.items():
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
    close_session()  # the connections of an earlier one

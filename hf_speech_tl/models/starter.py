"""The pretrained encoder that comes with the package: a directory as any other, by the name `starter`."""

from __future__ import annotations

from pathlib import Path

from hf_speech_tl.settings import STARTER

_DIRECTORY = Path(__file__).parents[1] / "assets" / "starter"


def place_of(name: str) -> str:
    """Where the model of this name is loaded from: the package's own directory for `starter`, else the name itself."""
    return str(_DIRECTORY) if name == STARTER else name


def base_of(name: str, *, fresh: bool) -> str | None:
    """What others may know as the model that a run began with: `starter` or a Hub id.

    None for random weights, and for a directory of this machine, whose path is nobody's business elsewhere.
    """
    if fresh or (name != STARTER and Path(name).exists()):
        return None
    return name

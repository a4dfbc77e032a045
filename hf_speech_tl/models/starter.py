"""The pretrained encoder that comes with the package: a directory as any other, by the name `starter`."""

from __future__ import annotations

import json
from pathlib import Path

from hf_speech_tl.models.files import find_file
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


def is_of_starter(name: str, *, fresh: bool) -> bool:
    """Whether a run that began with this model has weights that come from the starter, whose licence goes with them:
    it is the starter, or results.json beside it, in a directory or on the Hub, says that it was made of it."""
    return not fresh and (name == STARTER or _says(name, "starter"))


def learns_as_starter(name: str) -> bool:
    """Whether weights want the starter's rate: they come from it, or were packed as it was, whoever's they are."""
    return is_of_starter(name, fresh=False) or _says(name, "packed")


def _says(name: str, mark: str) -> bool:
    """Whether results.json beside the weights of a model bears this mark."""
    try:
        return json.loads(read_beside(name, "results.json"))["model"].get(mark) is True
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none, or somebody else's file of that name
        return False


def read_beside(name: str, file: str) -> str:
    """The text of a file beside the weights of a model, in a directory or on the Hub; OSError where there is none."""
    path = find_file(place_of(name), file)
    if path is None:
        raise FileNotFoundError(file)
    return path.read_text("utf-8")

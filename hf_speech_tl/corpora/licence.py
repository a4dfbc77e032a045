"""The licences that a corpus's README names in its YAML head, as the Hub writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

UNKNOWN = "unknown"


def licences_together(parts: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """The licences of several sources, each once, with "unknown" for those of which none is known; () where that is
    all of them."""
    found = dict.fromkeys(licence for licences in parts for licence in (licences or (UNKNOWN,)))
    return () if set(found) == {UNKNOWN} else tuple(found)


def licences_beside(path: Path) -> tuple[str, ...]:
    """The `license` of README.md in the folder `path`, or beside the file `path`: one, several, or none."""
    readme = (path if path.is_dir() else path.parent) / "README.md"
    try:
        head = readme.read_text("utf-8", errors="replace").split("---")
        named = yaml.safe_load(head[1]).get("license") if len(head) > 2 and not head[0].strip() else None
    except (OSError, ValueError, RecursionError, yaml.YAMLError, AttributeError):
        return ()
    return tuple(map(str, named if isinstance(named, list) else [named])) if named else ()

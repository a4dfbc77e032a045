"""The licence that a corpus's README names in its YAML head, as the Hub writes it."""

from __future__ import annotations

from pathlib import Path

import yaml


def licence_beside(path: Path) -> str | None:
    """The `license` of README.md in the folder `path`, or beside the file `path`; None where none is named."""
    readme = (path if path.is_dir() else path.parent) / "README.md"
    try:
        head = readme.read_text("utf-8", errors="replace").split("---")
        named = yaml.safe_load(head[1]).get("license") if len(head) > 2 and not head[0].strip() else None
    except (OSError, ValueError, RecursionError, yaml.YAMLError, AttributeError):
        return None
    return ", ".join(map(str, named)) if isinstance(named, list) else str(named) if named else None

"""Writes constraints.txt: the versions that are installed here of all that the package and its tests need.

Run it in the environment in which every check of scripts/test has just passed. With --lowest it prints the lowest
versions that pyproject.toml allows the package itself, as constraints for pip.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import environment  # noqa: F401

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
_HEAD = """# The versions that the tests ran with: Python 3.11, Linux, x86-64. Exactly these are installed by
#   python -m pip install -c constraints.txt ".[test]"
# Written by scripts/build_constraints.py; the build of torch, for CPU or GPU, stays yours to choose.
"""


def installed() -> Iterator[tuple[str, str]]:
    """Each package that is needed, directly or by others, in the order of the alphabet, and its version here."""
    found: dict[str, str] = {}
    waiting = [("hf_speech_tl", frozenset({"test", "espeak", "ipa", "media"}))]
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        for line in requires(name) or []:
            needed = Requirement(line)
            marker = needed.marker
            if marker and not any(marker.evaluate({"extra": extra}) for extra in extras or {""}):
                continue
            try:
                found[canonicalize_name(needed.name)] = version(needed.name).partition("+")[0]
            except PackageNotFoundError:  # of another system
                continue
            further = (needed.name, frozenset(needed.extras))
            if further not in seen:
                seen.add(further)
                waiting.append(further)
    found.pop("hf-speech-tl", None)
    return iter(sorted(found.items()))


def lowest() -> Iterator[tuple[str, str]]:
    """Each package that pyproject.toml names for other ends than testing, and the lowest version that it allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [line for name, lines in project["optional-dependencies"].items() if name != "test" for line in lines]
    for line in (*project["dependencies"], *extras):
        found = re.fullmatch(r"([\w.-]+)>=([\w.]+)", line)
        if found is None:
            sys.exit(f"pyproject.toml: {line!r} names no lowest version; write NAME>=VERSION")
        yield found[1], found[2]


if __name__ == "__main__":
    if sys.argv[1:] == ["--lowest"]:
        print("\n".join(f"{name}=={least}" for name, least in lowest()))
    else:
        lines = "".join(f"{name}=={known}\n" for name, known in installed())
        (ROOT / "constraints.txt").write_text(_HEAD + lines, "utf-8")

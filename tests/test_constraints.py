"""constraints.txt: a version for all that is needed, none below what pyproject.toml asks for, no place to go."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
_NEEDED = [
    Requirement(line)
    for lines in (_PROJECT["dependencies"], *_PROJECT["optional-dependencies"].values())
    for line in lines
    if not line.startswith("hf_speech_tl")
]


def _pinned() -> dict[str, str]:
    lines = [line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    pairs = [re.fullmatch(r"([a-z0-9-]+)==([\w.]+)", line) for line in lines]
    assert all(pairs), "a line is more than NAME==VERSION: a host, a file, or the build of one machine"
    return {pair[1]: pair[2] for pair in pairs if pair}


def test_each_need_has_a_version_that_is_allowed() -> None:
    pinned = _pinned()
    for needed in _NEEDED:
        assert needed.specifier.contains(pinned[canonicalize_name(needed.name)]), needed


def test_the_lowest_versions_are_those_of_the_project() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "build_constraints.py", "--lowest"],
        check=True,
        capture_output=True,
        text=True,
    )
    least = dict(line.split("==") for line in done.stdout.splitlines())
    assert {"torch", "transformers", "av", "panphon"} <= set(least) and "ruff" not in least
    for needed in _NEEDED:
        if needed.name in least:
            assert str(needed.specifier) == f">={least[needed.name]}"

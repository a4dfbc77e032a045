"""What a run left is looked at before something is built on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hf_speech_tl.errors import RunError
from hf_speech_tl.stages.runs.wholeness import find_damage, read_results


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


_HARMS: list[tuple[str, Callable[[Path], object], str]] = [
    ("model.safetensors", Path.unlink, "it has no weights"),
    ("model.safetensors", _cut_short, "its model.safetensors was cut short"),
    ("model.safetensors", lambda path: path.write_bytes(b""), "its model.safetensors was cut short"),
    ("config.json", Path.unlink, "it has no config.json"),
    ("results.json", _cut_short, "its results.json cannot be read"),
    ("results.json", lambda path: path.write_text("[]"), "its results.json cannot be read"),
    ("results.json", lambda path: path.write_bytes(b"\xff"), "its results.json cannot be read"),
]


@pytest.mark.parametrize(("name", "harm", "said"), _HARMS)
def test_what_is_missing_or_cut_short_is_found(
    name: str, harm: Callable[[Path], object], said: str, earlier: Path
) -> None:
    assert find_damage(earlier) is None
    harm(earlier / name)
    assert find_damage(earlier) == said


def test_results_that_say_nothing_of_the_training_are_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps({"training": {"steps": 3}}))
    with pytest.raises(RunError, match=r"results\.json: is damaged .* or remove"):
        read_results(tmp_path / "results.json")

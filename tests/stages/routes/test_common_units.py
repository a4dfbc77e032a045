"""In which units the models of two stages are compared, and what is made of what they write."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_speech_tl.stages.routes import common_units as module
from hf_speech_tl.stages.routes.common_units import common_units, judge_in


def _model(directory: Path, units: str, lang: str = "it", simplify: bool = False) -> str:
    directory.mkdir()
    told = {"lang": lang, "language": {"units": units, "simplify": simplify}}
    (directory / "results.json").write_text(json.dumps(told))
    return str(directory)


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        (("char",), ("char",), "char"),
        (("ipa",), ("ipa",), "ipa"),
        (("romanized",), ("char",), "romanized"),
        (("char",), ("romanized",), "romanized"),
        (("ipa",), ("romanized",), None),
        # What is simplified concerns Chinese alone: a Spanish model keeps its accents beside a Mandarin one.
        (("char", "es"), ("char", "zh", True), "char"),
    ],
)
def test_units_are_their_own_or_romanised(
    first: tuple[Any, ...], second: tuple[Any, ...], found: str | None, tmp_path: Path
) -> None:
    assert common_units(_model(tmp_path / "one", *first), _model(tmp_path / "two", *second)) == found
    (tmp_path / "unknown").mkdir()
    assert common_units(_model(tmp_path / "three", *first), str(tmp_path / "unknown")) is None


def test_what_a_model_writes_is_romanised_only_where_it_writes_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: dict[str, Callable[[str, str], str] | None] = {}
    monkeypatch.setattr(
        module, "judge_saved", lambda model, *_, rewrite, **__: used.update({Path(model).name: rewrite})
    )
    judge_in("romanized", _model(tmp_path / "same", "romanized"), rows=None)  # type: ignore[arg-type]
    judge_in("romanized", _model(tmp_path / "russian", "char", "ru"), rows=None)  # type: ignore[arg-type]
    judge_in("romanized", _model(tmp_path / "many", "char", "mul"), rows=None)  # type: ignore[arg-type]
    assert used["same"] is None
    russian, many = used["russian"], used["many"]
    assert russian is not None and russian("да", "it") == "da"
    assert many is not None and many("да", "ru") == "da"
    assert many("漢字", "it") == ""  # which nobody can read out in Italian

from __future__ import annotations

from pathlib import Path

import pytest

from hf_speech_tl.corpora.licence import licences_beside


@pytest.mark.parametrize(
    ("readme", "licences"),
    [
        ("---\nlanguage: zh\nlicense: CC-BY-SA-3.0\n---\n# Name\n", ("CC-BY-SA-3.0",)),
        ("---\nlicense:\n- mit\n- cc0-1.0\n---\n", ("mit", "cc0-1.0")),
        ("---\nlanguage: zh\n---\n", ()),
        ("# No head\n---\nlicense: mit\n---\n", ()),
        ("---\n: [broken\n---\n", ()),
        ("---\njust words\n---\n", ()),
        ("", ()),
    ],
)
def test_the_head_of_the_readme_names_them(tmp_path: Path, readme: str, licences: tuple[str, ...]) -> None:
    (tmp_path / "README.md").write_text(readme)
    assert licences_beside(tmp_path) == licences
    file = tmp_path / "train.parquet"
    file.touch()
    assert licences_beside(file) == licences


def test_no_readme_no_licence(tmp_path: Path) -> None:
    assert licences_beside(tmp_path) == ()

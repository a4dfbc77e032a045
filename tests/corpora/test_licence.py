from __future__ import annotations

from pathlib import Path

import pytest

from hf_speech_tl.corpora.licence import licence_beside


@pytest.mark.parametrize(
    ("readme", "licence"),
    [
        ("---\nlanguage: zh\nlicense: CC-BY-SA-3.0\n---\n# Name\n", "CC-BY-SA-3.0"),
        ("---\nlicense:\n- mit\n- cc0-1.0\n---\n", "mit, cc0-1.0"),
        ("---\nlanguage: zh\n---\n", None),
        ("# No head\n---\nlicense: mit\n---\n", None),
        ("---\n: [broken\n---\n", None),
        ("---\njust words\n---\n", None),
        ("", None),
    ],
)
def test_the_head_of_the_readme_names_it(tmp_path: Path, readme: str, licence: str | None) -> None:
    (tmp_path / "README.md").write_text(readme)
    assert licence_beside(tmp_path) == licence
    file = tmp_path / "train.parquet"
    file.touch()
    assert licence_beside(file) == licence


def test_no_readme_no_licence(tmp_path: Path) -> None:
    assert licence_beside(tmp_path) is None

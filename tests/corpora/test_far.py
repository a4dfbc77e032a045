"""Rows in shards: their row groups, and what tells them from others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hf_speech_tl.corpora import are_far, load_corpus, row_groups, select

Voice = Callable[..., bytes]


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hf_speech_tl.corpora.shard._GROUP", 20_000)


def test_row_groups_follow_each_other_over_all_shards(small_groups: None, shards: Path) -> None:
    rows = load_corpus([str(shards)], "en").train
    groups = row_groups(rows)
    assert groups is not None
    places = [(row["path"], row["group"], row["begin"]) for row in rows["audio"]]
    assert groups.tolist() == [list(dict.fromkeys(places)).index(place) for place in places]
    assert groups[-1] > 1
    kept = select(rows, np.array([at for at in range(len(rows)) if groups[at] != 1]))
    assert row_groups(kept).tolist() == [at - (at > 1) for at in groups.tolist() if at != 1]  # type: ignore[union-attr]


def test_rows_of_other_corpora_have_none(shards: Path, tmp_path: Path, voice: Voice) -> None:
    (tmp_path / "other").mkdir()
    for at in range(3):
        (tmp_path / "other" / f"{at}.wav").write_bytes(voice(at, 0.5))
        (tmp_path / "other" / f"{at}.txt").write_text("a word")
    assert row_groups(load_corpus([str(tmp_path / "other")], "en").train) is None
    corpus = load_corpus([str(shards), str(tmp_path / "other")], "en")
    assert row_groups(corpus.train) is None
    assert not are_far(corpus.train)

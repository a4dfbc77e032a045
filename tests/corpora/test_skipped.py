from __future__ import annotations

import csv
from pathlib import Path

from hf_speech_tl.corpora import Skipped, write_skipped
from hf_speech_tl.corpora.skipped import reasons


def test_what_was_written_reads_back(tmp_path: Path) -> None:
    rows = [
        Skipped("a, b", "train", "here", "silent", 'he said "hi"'),
        Skipped("new\nline 🎙", "test", "here", "truncated"),
        Skipped("half a pair \ud800", "", "here", "not Unicode"),
    ]
    path = tmp_path / "skipped.csv"
    write_skipped(rows, path)
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.reader(file))
    assert found[0] == ["id", "split", "source", "reason", "detail"]
    assert found[1] == ["a, b", "train", "here", "silent", 'he said "hi"']
    assert found[2][0] == "new\nline 🎙"
    assert found[3][0] == "half a pair \\ud800"


def test_reasons_are_counted_the_most_frequent_first() -> None:
    rows = [Skipped(str(n), "", "", reason) for n, reason in enumerate(["silent", "empty", "truncated", "empty"])]
    assert reasons(rows) == "2 empty, 1 silent, 1 truncated"

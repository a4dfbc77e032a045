from __future__ import annotations

import os
from pathlib import Path

import pytest

from hf_speech_tl.corpora.lines import read_lines
from hf_speech_tl.errors import DataError


def _read(tmp_path: Path, name: str, content: str | bytes) -> tuple[list[dict[str, object]], list[int]]:
    """The fields of the good lines, and the numbers of the broken ones."""
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    lines = read_lines(file)
    return [dict(line.fields) for line in lines if line.fault is None], [line.number for line in lines if line.fault]


def test_csv_with_byte_order_mark_quotes_and_line_breaks(tmp_path: Path) -> None:
    content = '\ufeffpath,text\r\n"a, b.wav","He said ""hi"""\r\n"new\nline.wav",two\r\n'
    good, broken = _read(tmp_path, "m.csv", content)
    assert good == [{"path": "a, b.wav", "text": 'He said "hi"'}, {"path": "new\nline.wav", "text": "two"}]
    assert not broken


def test_a_quote_that_is_never_closed_costs_its_own_line(tmp_path: Path) -> None:
    good, broken = _read(tmp_path, "m.csv", 'path,text\na.wav,one\nb.wav,"two\nc.wav,three\nd.wav,four\n')
    assert [row["path"] for row in good] == ["a.wav", "c.wav", "d.wav"]
    assert broken == [3]


def test_too_many_fields_are_a_comma_in_the_text(tmp_path: Path) -> None:
    good, broken = _read(tmp_path, "m.csv", "path,text\na.wav,Hello, world\nb.wav,two\n")
    assert [row["path"] for row in good] == ["b.wav"]
    assert broken == [2]


def test_tsv_takes_quotes_as_they_stand(tmp_path: Path) -> None:
    good, broken = _read(tmp_path, "m.tsv", 'path\ttext\na.wav\t"Well, he said.\nb.wav\ttwo\n')
    assert good == [{"path": "a.wav", "text": '"Well, he said.'}, {"path": "b.wav", "text": "two"}]
    assert not broken


def test_json_lines(tmp_path: Path) -> None:
    deep = "[" * 100_000
    content = (
        f'{{"audio": "a.wav", "text": "\\ud83d\\ude00"}}\n\n{{"audio": \n[1]\n{deep}\n"text"\n{{"audio": "b.wav"}}\n'
    )
    good, broken = _read(tmp_path, "m.jsonl", content)
    assert good == [{"audio": "a.wav", "text": "😀"}, {"audio": "b.wav"}]
    assert broken == [3, 4, 5, 6]


def test_separators_of_unicode_do_not_end_a_line(tmp_path: Path) -> None:
    good, _ = _read(tmp_path, "m.jsonl", '{"audio": "a.wav", "text": "one\u2028two\x85three"}\n')
    assert good[0]["text"] == "one\u2028two\x85three"


def test_bytes_that_are_not_utf8_stay_in_their_line(tmp_path: Path) -> None:
    good, broken = _read(tmp_path, "m.csv", b"path,text\na.wav,caf\xe9\nb.wav,two\n")
    assert good[0]["text"] == "caf\udce9"
    assert good[1] == {"path": "b.wav", "text": "two"}
    assert not broken


def test_empty_files_have_no_lines(tmp_path: Path) -> None:
    for name in ("m.csv", "m.tsv", "m.jsonl"):
        assert _read(tmp_path, name, "") == ([], [])
        assert _read(tmp_path, name, "\n\n") == ([], [])


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "metadata.csv")
    with pytest.raises(DataError, match=r"metadata\.csv is not a file"):
        read_lines(tmp_path / "metadata.csv")

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hf_speech_tl.corpora import Corpus, load_corpus
from hf_speech_tl.errors import DataError

FolderOf = Callable[[int], Path]


def _rows(corpus: Corpus) -> dict[str, dict[str, object]]:
    return {row["id"]: row for split in (corpus.train, corpus.validation, corpus.test) for row in split}


def test_nemo_manifests(folder_of: FolderOf) -> None:
    folder = folder_of(3)
    lines = [
        {"audio_filepath": "a0.wav", "duration": 0.4, "text": "one"},
        {"audio_filepath": str(folder / "a1.wav"), "duration": 9.9, "text": "two", "speaker": 7},
        {"audio_filepath": "a2.wav", "offset": 0.1, "duration": 0.25, "text": "three"},
    ]
    manifest = folder / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows = _rows(load_corpus([str(manifest)], "en"))
    assert {name: row["text"] for name, row in rows.items() if name in ("a0", "a2@0.1")} == {
        "a0": "one",
        "a2@0.1": "three",
    }
    seconds = sorted(row["seconds"] for row in rows.values())
    assert seconds == [0.25, 0.5, 0.5]  # without an offset the header's word counts
    assert {row["speaker"] for row in rows.values()} == {None, "7"}
    assert {row["source"] for row in rows.values()} == {"corpus/manifest.jsonl"}
    assert {row["lang"] for row in rows.values()} == {"en"}


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_tables_with_a_split_column(folder_of: FolderOf, suffix: str) -> None:
    folder, gap = folder_of(4), "," if suffix == "csv" else "\t"
    rows = [("path", "sentence", "split", "id"), ("a0.wav", "one", "train", "x"), ("a1.wav", "two", "dev", "y")]
    rows += [("a2.wav", "three", "test", "z"), ("a3.wav", "four", "other", "w")]
    manifest = folder / f"all.{suffix}"
    manifest.write_text("".join(gap.join(row) + "\n" for row in rows))
    corpus = load_corpus([str(manifest)], "en")
    assert corpus.train["id"][:] + corpus.validation["id"][:] + corpus.test["id"][:] == ["x", "y", "z"]
    assert [(row.id, row.reason, row.split) for row in corpus.skipped] == [
        (f"all.{suffix}:5", "unknown split", "other")
    ]


def test_a_name_that_says_the_split(folder_of: FolderOf) -> None:
    manifest = folder_of(2) / "test.csv"
    manifest.write_text("file,transcript\na0.wav,one\na1.wav,two\n")
    corpus = load_corpus([str(manifest)], "en")
    assert (len(corpus.train), len(corpus.validation), len(corpus.test)) == (0, 0, 2)
    assert "no training split" in corpus.notes[0]


def test_another_column_of_text(folder_of: FolderOf) -> None:
    manifest = folder_of(1) / "m.csv"
    manifest.write_text("wav,text,gloss\na0.wav,one,uno\n")
    assert load_corpus([str(manifest)], "en", text_column="gloss").train["text"][:] == ["uno"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.csv", "words\nhello\n", "no column of recordings.*has words"),
        ("m.csv", "path,words\na0.wav,hello\n", "no column of transcripts.*has path, words.*--text-column"),
        ("m.csv", "", "holds no row"),
        ("m.jsonl", "not json\n", "holds no row.*one JSON object a line"),
        ("m.tsv", "path,text\na0.wav,one\n", "no column of recordings"),
    ],
)
def test_a_manifest_that_cannot_be_used_says_why(folder_of: FolderOf, name: str, content: str, message: str) -> None:
    manifest = folder_of(1) / name
    manifest.write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        load_corpus([str(manifest)], "en")
    assert "\n" not in str(caught.value)


def test_a_manifest_in_another_encoding_says_so(folder_of: FolderOf) -> None:
    manifest = folder_of(1) / "m.csv"
    manifest.write_text("path,text\na0.wav,one\n", encoding="utf-16")
    with pytest.raises(DataError, match="not in UTF-8"):
        load_corpus([str(manifest)], "en")


def test_mostly_bad_manifests_stop_with_the_reasons_counted(folder_of: FolderOf) -> None:
    manifest = folder_of(2) / "m.csv"
    manifest.write_text("path,text\na0.wav,one\na1.wav,two\nb.wav,x\nc.wav,y\n../a0.wav,z\n")
    with pytest.raises(
        DataError, match="3 of 5 recordings cannot be used: 2 missing file, 1 outside the corpus folder"
    ):
        load_corpus([str(manifest)], "en")


def test_names_with_everything_in_them(folder_of: FolderOf) -> None:
    folder = folder_of(1)
    names = ["with space.wav", 'comma, quote" here.wav', "emoji 🎙.wav", "new\nline.wav", "ünï/cödé.wav"]
    (folder / "ünï").mkdir()
    for name in names:
        (folder / name).write_bytes((folder / "a0.wav").read_bytes())
    (folder / "m.csv").write_text(
        "\ufeffpath,text\r\n"
        + "".join('"{}",{}\r\n'.format(name.replace('"', '""'), n) for n, name in enumerate(names)),
        newline="",
    )
    (folder / "m.jsonl").write_text(
        "".join(json.dumps({"path": name, "text": str(n)}) + "\n" for n, name in enumerate(names))
    )
    for manifest in ("m.csv", "m.jsonl"):
        corpus = load_corpus([str(folder / manifest)], "en")
        assert corpus.skipped == ()
        assert set(_rows(corpus)) == {name.removesuffix(".wav") for name in names}

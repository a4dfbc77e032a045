from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hf_speech_tl.corpora import load_corpus
from hf_speech_tl.errors import DataError

FolderOf = Callable[[int], Path]


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.tsv", "metadata.jsonl"])
def test_metadata(folder_of: FolderOf, name: str) -> None:
    folder = folder_of(2)
    content = {
        "metadata.csv": "file_name,text\na0.wav,one\na1.wav,two\n",
        "metadata.tsv": "file_name\ttext\na0.wav\tone\na1.wav\ttwo\n",
        "metadata.jsonl": '{"file_name": "a0.wav", "text": "one"}\n{"file_name": "a1.wav", "text": "two"}\n',
    }
    (folder / name).write_text(content[name])
    (folder / "README.md").write_text("---\nlicense: cc0-1.0\n---\n")
    corpus = load_corpus([str(folder)], "en")
    assert sorted(corpus.train["text"][:] + corpus.test["text"][:]) == ["one", "two"]
    assert corpus.licenses == ("cc0-1.0",)
    assert corpus.names == ("corpus",)


def test_metadata_in_each_split(folder_of: FolderOf) -> None:
    folder = folder_of(3)
    for number, split in enumerate(["train", "dev", "test"]):
        (folder / split).mkdir()
        (folder / f"a{number}.wav").rename(folder / split / "clip.wav")
        (folder / split / "metadata.csv").write_text(f"file_name,text\nclip.wav,text {number}\n")
    corpus = load_corpus([str(folder)], "en")
    assert corpus.train["id"][:] == ["train/clip"]
    assert corpus.validation["text"][:] == ["text 1"]
    assert corpus.test["id"][:] == ["test/clip"]
    assert corpus.notes == ()


def test_one_metadata_for_split_folders(folder_of: FolderOf) -> None:
    folder = folder_of(3)
    lines = ["file_name,text"]
    for number, split in enumerate(["train", "validation", "test"]):
        (folder / split).mkdir()
        (folder / f"a{number}.wav").rename(folder / split / f"a{number}.wav")
        lines.append(f"{split}/a{number}.wav,text {number}")
    (folder / "metadata.csv").write_text("\n".join(lines))
    corpus = load_corpus([str(folder)], "en")
    assert [split["text"][:] for split in (corpus.train, corpus.validation, corpus.test)] == [
        ["text 0"],
        ["text 1"],
        ["text 2"],
    ]


def test_manifests_named_for_splits(folder_of: FolderOf) -> None:
    folder = folder_of(3)
    for number, name in enumerate(["train.tsv", "dev.tsv", "test.tsv"]):
        (folder / name).write_text(f"path\tsentence\na{number}.wav\ttext {number}\n")
    corpus = load_corpus([str(folder)], "en")
    assert (len(corpus.train), len(corpus.validation), len(corpus.test)) == (1, 1, 1)


def test_a_text_beside_each_recording(folder_of: FolderOf) -> None:
    folder = folder_of(3)
    (folder / "train").mkdir()
    (folder / "test").mkdir()
    (folder / "a0.wav").rename(folder / "train" / "a0.wav")
    (folder / "train" / "a0.txt").write_text("\ufeffone\r\n", newline="")
    (folder / "a1.wav").rename(folder / "test" / "a1.wav")
    (folder / "test" / "a1.wav.txt").write_text("two\n")
    (folder / "README.txt").write_text("not a transcript")
    (folder / "._a2.wav").write_text("left by a Mac")
    corpus = load_corpus([str(folder)], "en")
    assert dict(zip(corpus.test["id"], corpus.test["text"], strict=True)) == {"test/a1": "two"}
    training = {**dict(zip(corpus.train["id"], corpus.train["text"], strict=True))}
    training |= dict(zip(corpus.validation["id"], corpus.validation["text"], strict=True))
    assert training == {"train/a0": "one"}
    assert [(row.id, row.reason) for row in corpus.skipped] == [("a2", "no transcript")]


def test_links_out_of_the_folder_are_skipped(folder_of: FolderOf, tmp_path: Path) -> None:
    folder = folder_of(3)
    (tmp_path / "outside.wav").write_bytes((folder / "a0.wav").read_bytes())
    (folder / "b.wav").symlink_to(tmp_path / "outside.wav")
    for name in ("a0", "a1", "a2", "b"):
        (folder / f"{name}.txt").write_text(name)
    corpus = load_corpus([str(folder)], "en")
    assert [(row.id, row.reason) for row in corpus.skipped] == [("b", "outside the corpus folder")]


def test_file_names_that_are_not_unicode_are_skipped(folder_of: FolderOf) -> None:
    folder = folder_of(2)
    try:
        Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.wav")).write_bytes(b"RIFF")
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    for name in ("a0", "a1"):
        (folder / f"{name}.txt").write_text(name)
    corpus = load_corpus([str(folder)], "en")
    assert [row.reason for row in corpus.skipped] == ["not Unicode"]


def test_a_folder_of_something_else(folder_of: FolderOf, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no transcripts: put a metadata\.csv"):
        load_corpus([str(folder_of(2))], "en")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.md").touch()
    with pytest.raises(DataError, match="holds no corpus: expected Parquet files"):
        load_corpus([str(tmp_path / "other")], "en")

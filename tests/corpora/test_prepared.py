"""A folder of shards as a corpus: read by its index, and told of where it is not as it was written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hf_speech_tl.audio import decode
from hf_speech_tl.corpora import (
    INDEX,
    LISTED,
    Shard,
    ShardRow,
    Shards,
    load_corpus,
    pulses,
    samples,
    shard_name,
    write_index,
    write_shard,
    write_shards,
)
from hf_speech_tl.corpora.parquet import read_parquet
from hf_speech_tl.errors import DataError

Voice = Callable[..., bytes]
COUNTS = {"train": 7, "validation": 2, "test": 2}


@pytest.fixture
def folder(tmp_path: Path, voice: Voice) -> Path:
    """Two shards for training, one each for the others."""
    written, shards = [], []

    def rows(first: int, count: int) -> Iterator[ShardRow]:
        for at in range(first, first + count):
            content = voice(at, 0.5, file_format="FLAC")
            yield ShardRow(f"id/{at}", content, ".flac", f"text {at}", f"ana {at % 3}", 0.5, "en", "somewhere")

    first = 0
    for split, number, count in (("train", 0, 4), ("train", 1, 3), ("validation", 0, 2), ("test", 0, 2)):
        file = shard_name(split, number, 2 if split == "train" else 1)
        written.append(write_shard(tmp_path / file, rows(first, count)))
        shards.append(Shard(file, split, count, 0.5 * count, (tmp_path / file).stat().st_size))
        first += count
    write_index(tmp_path / INDEX, written)
    size = (tmp_path / INDEX).stat().st_size
    write_shards(Shards("k", "f", "flac", ("somewhere",), ("en",), ("mit",), 0, size, tuple(shards)), tmp_path)
    return tmp_path


def test_rows_are_those_that_were_written(folder: Path, voice: Voice) -> None:
    corpus = load_corpus([str(folder)], "en")
    assert {split: len(getattr(corpus, split)) for split in COUNTS} == COUNTS
    row = corpus.train[5]
    assert [row[name] for name in ("id", "text", "speaker", "seconds")] == ["id/5", "text 5", "ana 2", 0.5]
    assert corpus.licenses == ("mit",)
    for split in COUNTS:
        for row in getattr(corpus, split):
            number = int(row["id"].partition("/")[2])
            assert (samples(row["audio"]) == decode(voice(number, 0.5, file_format="FLAC"))).all()


def test_they_are_the_same_corpus_as_the_parquet_files_alone(folder: Path) -> None:
    prepared = load_corpus([str(folder)], "en")
    os.remove(folder / LISTED)
    files = load_corpus([str(folder)], "en")
    for split in COUNTS:
        for one, other in zip(getattr(prepared, split), getattr(files, split), strict=True):
            assert pulses(one.pop("audio")).tobytes() == pulses(other.pop("audio")).tobytes()
            assert one == other


def test_no_shard_is_opened_before_a_recording_is_wanted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a shard was opened")

    monkeypatch.setattr(pq, "ParquetFile", refuse)
    monkeypatch.setattr("hf_speech_tl.corpora.embedded.open", refuse, raising=False)
    assert len(load_corpus([str(folder)], "en").train) == 7


def test_a_row_group_is_small_and_its_audio_lies_in_one_piece(
    folder: Path, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hf_speech_tl.corpora.shard._GROUP", 30_000)
    path = folder / "more.parquet"
    contents = [voice(at, 0.5) for at in range(6)]  # of 16 kB
    rows = [ShardRow(str(at), content, ".wav", None, None, 0.5, "en", "s") for at, content in enumerate(contents)]
    placed = write_shard(path, rows)
    assert pq.ParquetFile(path).num_row_groups == 6
    written = path.read_bytes()
    assert [written[row.start : row.start + row.size] for row in placed] == contents
    os.remove(folder / LISTED)
    assert read_parquet(path, None, labelled=False).rows["id"][:] == list("012345")


def test_a_shard_that_is_missing_cut_short_or_changed(folder: Path) -> None:
    shard = folder / shard_name("train", 1, 2)
    content = shard.read_bytes()
    shard.write_bytes(content[:-1])
    with pytest.raises(DataError, match=r"train-00001-of-00002.parquet has \d+ bytes, and shards.json says \d+"):
        load_corpus([str(folder)], "en")
    shard.unlink()
    with pytest.raises(DataError, match=r"train-00001-of-00002.parquet cannot be read .*write the shards anew"):
        load_corpus([str(folder)], "en")
    shard.write_bytes(content)
    (folder / INDEX).write_bytes(b"x")
    with pytest.raises(DataError, match=r"index.arrow has 1 bytes"):
        load_corpus([str(folder)], "en")


@pytest.mark.parametrize(
    "change",
    [
        lambda listed: "{",
        lambda listed: "[]",
        lambda listed: json.dumps(listed | {"shards": [{"file": "x"}]}),
        lambda listed: json.dumps({key: value for key, value in listed.items() if key != "fingerprint"}),
        lambda listed: json.dumps(listed | {"shards": [listed["shards"][0] | {"file": "../x.parquet"}]}),
    ],
    ids=["torn", "list", "fields", "missing", "elsewhere"],
)
def test_a_damaged_list_is_one_line(folder: Path, change: Callable[[dict], str]) -> None:
    listed = json.loads((folder / LISTED).read_text())
    (folder / LISTED).write_text(change(listed))
    with pytest.raises(DataError, match=r"shards.json is damaged") as caught:
        load_corpus([str(folder)], "en")
    assert "\n" not in str(caught.value)


def test_a_list_of_another_version(folder: Path) -> None:
    listed = json.loads((folder / LISTED).read_text())
    (folder / LISTED).write_text(json.dumps(listed | {"version": 99}))
    with pytest.raises(DataError, match="another version"):
        load_corpus([str(folder)], "en")


def test_an_index_of_something_else(folder: Path) -> None:
    listed = json.loads((folder / LISTED).read_text())
    (folder / INDEX).write_bytes(bytes(100))
    (folder / LISTED).write_text(json.dumps(listed | {"index": 100}))
    with pytest.raises(DataError, match=r"index.arrow cannot be read"):
        load_corpus([str(folder)], "en")

"""A folder of shards as a corpus: read by its index, and told of where it is not as it was written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hf_speech_tl.audio import BadAudio, decode
from hf_speech_tl.corpora import (
    INDEX,
    LISTED,
    ShardRow,
    load_corpus,
    pulses,
    samples,
    shard_name,
    write_shard,
)
from hf_speech_tl.corpora.parquet import read_parquet
from hf_speech_tl.errors import DataError

Voice = Callable[..., bytes]
COUNTS = {"train": 7, "validation": 2, "test": 2}


def test_rows_are_those_that_were_written(shards: Path, voice: Voice) -> None:
    corpus = load_corpus([str(shards)], "en")
    assert {split: len(getattr(corpus, split)) for split in COUNTS} == COUNTS
    row = corpus.train[5]
    assert [row[name] for name in ("id", "text", "speaker", "seconds")] == ["id/5", "text 5", "ana 2", 0.5]
    assert corpus.licenses == ("mit",)
    for split in COUNTS:
        for row in getattr(corpus, split):
            number = int(row["id"].partition("/")[2])
            assert (samples(row["audio"]) == decode(voice(number, 0.5, file_format="FLAC"))).all()


def test_they_are_the_same_corpus_as_the_parquet_files_alone(shards: Path) -> None:
    prepared = load_corpus([str(shards)], "en")
    os.remove(shards / LISTED)
    files = load_corpus([str(shards)], "en")
    for split in COUNTS:
        for one, other in zip(getattr(prepared, split), getattr(files, split), strict=True):
            assert pulses(one.pop("audio")).tobytes() == pulses(other.pop("audio")).tobytes()
            assert one == other


def test_no_shard_is_opened_before_a_recording_is_wanted(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a shard was opened")

    monkeypatch.setattr(pq, "ParquetFile", refuse)
    monkeypatch.setattr("hf_speech_tl.corpora.embedded.open", refuse, raising=False)
    assert len(load_corpus([str(shards)], "en").train) == 7


def test_a_row_group_is_small_and_its_audio_lies_in_one_piece(
    shards: Path, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hf_speech_tl.corpora.shard._GROUP", 30_000)
    path = shards / "more.parquet"
    contents = [voice(at, 0.5) for at in range(6)]  # of 16 kB
    rows = [ShardRow(str(at), content, ".wav", None, None, 0.5, "en", "s") for at, content in enumerate(contents)]
    placed = write_shard(path, rows)
    assert pq.ParquetFile(path).num_row_groups == 6
    written = path.read_bytes()
    assert [written[row.start : row.start + row.size] for row in placed] == contents
    os.remove(shards / LISTED)
    assert read_parquet(path, None, labelled=False).rows["id"][:] == list("012345")


def test_a_shard_that_is_missing_cut_short_or_changed(shards: Path) -> None:
    shard = shards / shard_name("train", 1, 2)
    content = shard.read_bytes()
    shard.write_bytes(content[:-1])
    with pytest.raises(DataError, match=r"train-00001-of-00002.parquet has \d+ bytes, and shards.json says \d+"):
        load_corpus([str(shards)], "en")
    shard.unlink()
    with pytest.raises(DataError, match=r"train-00001-of-00002.parquet cannot be read .*write the shards anew"):
        load_corpus([str(shards)], "en")
    shard.write_bytes(content)
    (shards / INDEX).write_bytes(b"x")
    with pytest.raises(DataError, match=r"index.arrow has 1 bytes"):
        load_corpus([str(shards)], "en")


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
def test_a_damaged_list_is_one_line(shards: Path, change: Callable[[dict], str]) -> None:
    listed = json.loads((shards / LISTED).read_text())
    (shards / LISTED).write_text(change(listed))
    with pytest.raises(DataError, match=r"shards.json is damaged") as caught:
        load_corpus([str(shards)], "en")
    assert "\n" not in str(caught.value)


def test_a_list_of_another_version(shards: Path) -> None:
    listed = json.loads((shards / LISTED).read_text())
    (shards / LISTED).write_text(json.dumps(listed | {"version": 99}))
    with pytest.raises(DataError, match="another version"):
        load_corpus([str(shards)], "en")


def test_an_index_of_something_else(shards: Path) -> None:
    listed = json.loads((shards / LISTED).read_text())
    (shards / INDEX).write_bytes(bytes(100))
    (shards / LISTED).write_text(json.dumps(listed | {"index": 100}))
    with pytest.raises(DataError, match=r"index.arrow cannot be read"):
        load_corpus([str(shards)], "en")


def test_shards_alone_are_opened_as_with_others(shards: Path, tmp_path: Path, voice: Voice) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.wav").write_bytes(voice(99, 0.5))
    (tmp_path / "other" / "a.txt").write_text("a word")
    one, several = load_corpus([str(shards)], "en"), load_corpus([str(shards), str(tmp_path / "other")], "en")
    for split in COUNTS:
        alone, among = getattr(one, split), getattr(several, split)
        assert alone[:] == among.filter(lambda row: row["source"] == shards.name).select_columns(alone.column_names)[:]


def test_rows_without_transcripts_are_listed_where_they_are_wanted(shards: Path) -> None:
    table = pa.ipc.open_stream((shards / INDEX).read_bytes()).read_all()
    texts = table.column("text").to_pylist()
    texts[2] = None
    table = table.set_column(table.column_names.index("text"), "text", pa.array(texts, pa.string()))
    with pa.OSFile(str(shards / INDEX), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    listed = json.loads((shards / LISTED).read_text())
    (shards / LISTED).write_text(json.dumps(listed | {"index": (shards / INDEX).stat().st_size}))
    assert [row.reason for row in load_corpus([str(shards)], "en").skipped] == ["no transcript"]
    assert len(load_corpus([str(shards)], "en", labelled=False).train) == 7


def test_a_shard_that_was_changed_and_is_as_large_costs_its_recordings(shards: Path) -> None:
    rows = load_corpus([str(shards)], "en").train
    shard = shards / shard_name("train", 0, 2)
    shard.write_bytes(bytes(shard.stat().st_size))
    with pytest.raises(BadAudio, match="changed shard"):
        samples(rows[0]["audio"])
    assert len(samples(rows[6]["audio"])) == 8_000


def test_shards_of_some_splits_alone_get_the_others_as_other_corpora_do(shards: Path) -> None:
    listed = json.loads((shards / LISTED).read_text())
    for shard in listed["shards"]:
        shard["split"] = "train"
    (shards / LISTED).write_text(json.dumps(listed | {"fingerprint": "another"}))
    corpus = load_corpus([str(shards)], "en")
    assert len(corpus.train) < 11 == len(corpus.train) + len(corpus.validation) + len(corpus.test)


def test_what_was_kept_of_the_index_goes_when_the_same_rows_are_written_in_another_way(shards: Path) -> None:
    before = [pulses(row["audio"]).tobytes() for row in load_corpus([str(shards)], "en").train]
    first, second = (shards / shard_name("train", at, 2) for at in (0, 1))
    first.rename(shards / "other")
    second.rename(first)
    (shards / "other").rename(second)
    listed = json.loads((shards / LISTED).read_text())
    for shard, file in zip(listed["shards"][:2], (second, first), strict=True):
        shard["file"] = file.name
    (shards / LISTED).write_text(json.dumps(listed))
    assert [pulses(row["audio"]).tobytes() for row in load_corpus([str(shards)], "en").train] == before

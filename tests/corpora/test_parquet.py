from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hf_speech_tl.audio import BadAudio, decode
from hf_speech_tl.corpora import load_corpus, samples
from hf_speech_tl.corpora.parquet import read_parquet
from hf_speech_tl.errors import DataError

Voice = Callable[..., bytes]


def _write(path: Path, columns: Mapping[str, Sequence[object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(dict(columns)), path)
    return path


def _cells(voice: Voice, seeds: Sequence[int]) -> list[dict[str, object]]:
    return [{"bytes": voice(seed, 0.5), "path": f"clip{seed}.wav"} for seed in seeds]


def test_splits_by_file_name_and_audio_as_it_was(tmp_path: Path, voice: Voice) -> None:
    for number, name in enumerate(["train-00000-of-00001", "validation-00000-of-00001", "test-00000-of-00001"]):
        cells = _cells(voice, [2 * number, 2 * number + 1])
        _write(
            tmp_path / "c" / "data" / f"{name}.parquet", {"audio": cells, "sentence": ["x", "y"], "client_id": [1, 2]}
        )
    corpus = load_corpus([str(tmp_path / "c")], "en")
    assert corpus.train["id"][:] == ["clip0", "clip1"]
    assert corpus.validation["id"][:] == ["clip2", "clip3"]
    assert corpus.test["speaker"][:] == ["1", "2"]
    assert corpus.test["seconds"][:] == [0.5, 0.5]
    np.testing.assert_array_equal(samples(corpus.train[1]["audio"]), decode(voice(1, 0.5)))


def test_files_of_a_folder_are_known_by_a_suffix_of_any_case(tmp_path: Path, voice: Voice) -> None:
    for number, name in enumerate(["train.parquet/part-0.PARQUET", "test.Parquet", ".left.parquet"]):
        columns = {"audio": _cells(voice, [number]), "text": [f"text {number}"]}
        _write(tmp_path / "c" / name, columns)
    corpus = load_corpus([str(tmp_path / "c")], "en")
    assert (corpus.train["text"][:], corpus.test["text"][:]) == (["text 0"], ["text 1"])


def test_audio_of_datasets_own_type_is_read_without_its_decoder(tmp_path: Path, voice: Voice) -> None:
    rows = datasets.Dataset.from_dict({"audio": _cells(voice, [0, 1]), "text": ["x", "y"]})
    rows.cast_column("audio", datasets.Audio(decode=False)).to_parquet(tmp_path / "c.parquet")
    found = load_corpus([str(tmp_path / "c.parquet")], "en")
    assert len(samples(found.train[0]["audio"])) == 8_000


def test_the_rows_are_mapped_from_a_cache_that_is_written_once(tmp_path: Path, voice: Voice) -> None:
    file = _write(tmp_path / "c.parquet", {"audio": _cells(voice, [0, 1]), "text": ["x", "y"]})
    first = read_parquet(file, None).rows
    cached = Path(first.cache_files[0]["filename"])
    written = cached.stat().st_mtime_ns
    assert Path(read_parquet(file, None).rows.cache_files[0]["filename"]) == cached
    assert cached.stat().st_mtime_ns == written
    assert [path.name for path in cached.parent.iterdir()] == [cached.name]
    _write(file, {"audio": _cells(voice, [0, 2]), "text": ["x", "z"]})
    os.utime(file, ns=(1, 1))
    assert read_parquet(file, None).rows["text"][:] == ["x", "z"]


def test_seconds_are_trusted_where_given_and_read_where_not(tmp_path: Path, voice: Voice) -> None:
    columns = {"audio": _cells(voice, [0, 1, 2, 3]), "text": list("abcd"), "seconds": [0.52, None, 0.0, float("nan")]}
    rows = read_parquet(_write(tmp_path / "c.parquet", columns), None).rows
    assert rows["seconds"][:] == [0.52, 0.5, 0.5, 0.5]


def test_a_column_of_seconds_that_headers_belie_is_not_believed(tmp_path: Path, voice: Voice) -> None:
    columns = {"audio": _cells(voice, [0, 1, 2]), "text": list("abc"), "seconds": [0.5, 0.7, 0.5]}
    rows = read_parquet(_write(tmp_path / "c.parquet", columns), None).rows
    assert rows["seconds"][:] == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
@pytest.mark.parametrize("file_format", ["WAV", "FLAC", "OGG"])
@pytest.mark.parametrize("dictionary", [False, True])
def test_audio_stays_in_the_parquet_file_where_it_stands_there(
    tmp_path: Path, voice: Voice, compression: str, file_format: str, dictionary: bool
) -> None:
    cells = [{"bytes": voice(seed, 0.3, file_format=file_format), "path": None} for seed in range(9)]
    cells[2] = cells[1]
    cells[4] = None
    cells[7] = {"bytes": b"no audio", "path": None}
    table = pa.table({"audio": cells, "text": list("abcdefghi")})
    pq.write_table(table, tmp_path / "c.parquet", compression=compression, use_dictionary=dictionary, row_group_size=5)
    rows = read_parquet(tmp_path / "c.parquet", None).rows
    good = [index for index, reason in enumerate(rows["reason"][:]) if reason is None]
    assert good == [0, 1, 2, 3, 5, 6, 8]
    file = (tmp_path / "c.parquet").read_bytes()
    stood = 0
    for index in good:
        audio = rows[index]["audio"]
        np.testing.assert_array_equal(samples(audio), decode(cells[index]["bytes"]))
        assert audio["bytes"] is None
        if audio["start"] is not None:
            stood += 1
            assert file[audio["start"] : audio["start"] + audio["size"]] == cells[index]["bytes"]
    if compression == "none":
        assert stood == len(good) - dictionary  # which has the recording that stands there twice only once


def test_a_parquet_file_that_went_away_is_told(tmp_path: Path, voice: Voice) -> None:
    file = tmp_path / "c.parquet"
    pq.write_table(pa.table({"audio": _cells(voice, [0]), "text": ["a"]}), file, compression="none")
    audio = read_parquet(file, None).rows[0]["audio"]
    file.unlink()
    with pytest.raises(BadAudio, match="missing file"):
        samples(audio)


def test_much_audio_that_is_copied_is_told(tmp_path: Path, voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hf_speech_tl.corpora.parquet._WORTH_A_NOTE", 0.001)
    table = pa.table({"audio": [{"bytes": voice(0), "path": None}] * 2, "text": ["a", "b"]})
    monkeypatch.setattr("hf_speech_tl.corpora.parquet.SMALL_GROUP", 0)
    pq.write_table(table, tmp_path / "c.parquet", compression="gzip")
    assert "MB of audio that is compressed" in (read_parquet(tmp_path / "c.parquet", None).note or "")


def test_audio_beside_the_parquet_file(tmp_path: Path, voice: Voice) -> None:
    (tmp_path / "a.wav").write_bytes(voice(0, 0.5))
    columns = {"path": ["a.wav", "b.wav", "../a.wav", None, "a.wav"], "text": list("abcde")}
    rows = read_parquet(_write(tmp_path / "c.parquet", columns), None).rows
    assert rows["reason"][:] == [None, "missing file", "outside the corpus folder", "missing file", None]
    assert len(samples(rows[0]["audio"])) == 8_000


def test_bad_cells_are_listed(tmp_path: Path, voice: Voice) -> None:
    cells = [*_cells(voice, [0, 1, 2]), {"bytes": b"", "path": "e.wav"}, {"bytes": b"text", "path": "t.wav"}, None]
    rows = read_parquet(_write(tmp_path / "c.parquet", {"audio": cells, "text": list("abcdef")}), None).rows
    assert rows["reason"][:] == [None] * 3 + ["empty", "not audio", "missing file"]
    assert rows["id"][:] == ["clip0", "clip1", "clip2", "e", "t", "c-6"]


def test_raw_bytes_and_numbers_as_ids(tmp_path: Path, voice: Voice) -> None:
    columns = {"id": [7, 8], "audio": [voice(0, 0.5), voice(1, 0.5)], "text": ["x", ""]}
    rows = read_parquet(_write(tmp_path / "c.parquet", columns), None).rows
    assert rows["id"][:] == ["7", "8"]
    assert rows["text"][:] == ["x", None]


def test_a_split_column_comes_before_the_file_name(tmp_path: Path, voice: Voice) -> None:
    columns = {"audio": _cells(voice, [0, 1]), "text": ["x", "y"], "split": ["dev", None]}
    rows = read_parquet(_write(tmp_path / "train.parquet", columns), None).rows
    assert rows["split"][:] == ["validation", "train"]


def test_what_cannot_be_read_says_so_in_one_line(tmp_path: Path, voice: Voice) -> None:
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 not really")
    with pytest.raises(DataError, match=r"broken.parquet cannot be read as Parquet") as caught:
        load_corpus([str(broken)], "en")
    assert "\n" not in str(caught.value)
    file = _write(tmp_path / "c.parquet", {"audio": _cells(voice, [0]), "words": ["x"]})
    with pytest.raises(DataError, match=r"c\.parquet has no column of transcripts.*audio, words"):
        load_corpus([str(file)], "en")


def test_damage_in_the_middle_is_not_laid_to_the_disk(tmp_path: Path, voice: Voice) -> None:
    file = _write(tmp_path / "c.parquet", {"audio": _cells(voice, [0, 1]), "text": ["x", "y"]})
    content = bytearray(file.read_bytes())
    content[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"c\.parquet cannot be read as Parquet"):
        load_corpus([str(file)], "en")


def test_a_cache_that_cannot_be_written_names_the_remedy(
    tmp_path: Path, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    file = _write(tmp_path / "c.parquet", {"audio": _cells(voice, [0]), "text": ["x"]})
    with pytest.raises(DataError, match="HF_DATASETS_CACHE"):
        load_corpus([str(file)], "en")


def test_recordings_of_people(speech: Path) -> None:
    corpus = load_corpus([str(speech / "it-asterisk")], "it")
    assert (len(corpus.train), len(corpus.validation), len(corpus.test)) == (454, 57, 57)
    assert corpus.skipped == ()
    assert corpus.notes == ("7 of 57 test transcripts also stand in the training split",)
    assert corpus.licenses == ("CC-BY-3.0",)
    row = corpus.test[0]
    assert len(samples(row["audio"])) / 16_000 == pytest.approx(row["seconds"], abs=0.01)

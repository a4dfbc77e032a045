from __future__ import annotations

import csv
import io
import json
import os
import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import pytest
import soundfile

from hf_speech_tl.corpora import Corpus, hear, load_corpus, samples, screen, write_skipped
from hf_speech_tl.errors import DataError
from hf_speech_tl.settings import Source

FolderOf = Callable[[int], Path]
Voice = Callable[..., bytes]


def _frames(seconds: float) -> int:
    return int(49 * seconds)


def _screened(corpus: Corpus, **changes: object) -> Corpus:
    limits: dict[str, object] = {"max_seconds": 10.0, "min_seconds": 0.1, "frames_of": _frames, "threads": 2}
    return screen(corpus, "char", **(limits | changes))


def _rows(corpus: Corpus) -> list[dict[str, object]]:
    return [row for split in (corpus.train, corpus.validation, corpus.test) for row in split]


def _wav(samples: np.ndarray, rate: int = 16_000, subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype=subtype)
    return file.getvalue()


def _manifest(folder: Path, rows: list[tuple[str, str]]) -> str:
    """Rows of one split, so that none is the only one of its split."""
    lines = [json.dumps({"audio": name, "text": text}) for name, text in rows]
    (folder / "test.jsonl").write_text("\n".join(lines))
    return str(folder / "test.jsonl")


def test_twenty_five_bad_rows_among_good_ones(tmp_path: Path, voice: Voice) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    good = {
        f"good {number}": (f"g{number}.wav", f"runa simi {number:b}".translate({48: "a", 49: "u"}))
        for number in range(60)
    }
    for number, (name, _) in enumerate(good.values()):
        (folder / name).write_bytes(voice(number, 1.5))
    odd = {
        "8 kHz": voice(100, rate=8_000),
        "96 kHz": voice(101, rate=96_000),
        "24 bit": voice(102, subtype="PCM_24"),
        "six channels": voice(103, channels=6),
        "opus": voice(104, file_format="OGG", subtype="OPUS"),
        "mp3": voice(105, file_format="MP3"),
        "flac": voice(106, file_format="FLAC"),
        "wrong extension.mp3": voice(107),
        "emoji 🎙": voice(108),
        "new\nline": voice(109),
        "as a stream": voice(110).replace(b"data" + (48_000).to_bytes(4, "little"), b"data\xff\xff\xff\xff"),
        "quiet": _wav(2e-3 * np.random.default_rng(0).standard_normal(24_000)),
    }
    for number, (name, content) in enumerate(odd.items()):
        good[name] = (name if "." in name else f"{name}.wav", f"ima shutitak kanki {'a' * (number + 1)}")
        (folder / good[name][0]).write_bytes(content)

    whole = voice(200)
    tone = 0.3 * np.sin(np.arange(24_000) / 20)
    (tmp_path / "outside.wav").write_bytes(whole)
    (folder / "link.wav").symlink_to(tmp_path / "outside.wav")
    os.mkfifo(folder / "pipe.wav")
    contents = {
        "truncated": whole[: len(whole) // 2],
        "truncated flac": voice(201, file_format="FLAC")[:8_000],
        "truncated opus": voice(202, 4.0, file_format="OGG", subtype="OPUS")[:-700],
        "zero bytes": b"",
        "no samples": _wav(np.zeros(0)),
        "not audio": b"This is no recording. " * 99,
        "not finite": _wav(np.where(np.arange(24_000) == 9, np.nan, tone), subtype="FLOAT"),
        "silent": _wav(np.zeros(24_000)),
        "constant": _wav(np.full(24_000, 0.25)),
        "one sample": _wav(np.array([0.5])),
        "too long": voice(203, 11.0),
        **{
            name: whole for name in ("no text", "blank text", "punctuation", "digits", "labels", "control", "surrogate")
        },
    }
    for name, content in contents.items():
        (folder / f"{name}.wav").write_bytes(content)
    texts = {"no text": None, "blank text": " \n", "punctuation": "¿?!...", "digits": "2 runa", "control": "ru\x00na"}
    texts |= {"labels": "ama sua ama llulla ama qilla " * 3, "surrogate": "runa \ud800"}
    bad: dict[str, object] = {
        name: {"id": name, "audio": f"{name}.wav", "text": texts.get(name, "allin punchaw")} for name in contents
    }
    bad |= {
        name: {"id": name, "audio": path, "text": "allin punchaw"}
        for name, path in {
            "above": "../outside.wav",
            "absolute": str(tmp_path / "outside.wav"),
            "link": "link.wav",
            "pipe": "pipe.wav",
            "missing": "missing.wav",
            "nul": "nul\0.wav",
        }.items()
    }
    bad["good 7"] = {"id": "good 7", "audio": "g7.wav", "text": "allin punchaw"}  # again
    lines = [json.dumps({"id": name, "audio": path, "text": text}) for name, (path, text) in good.items()]
    lines += [json.dumps(row) for row in bad.values()]
    lines += ['{"id": "broken", "audio": "g1.wav", "te', '["a list"]', '{"id": "nameless", "text": "allin"}']
    np.random.default_rng(0).shuffle(lines)
    lines.remove(again := json.dumps(bad["good 7"]))
    lines.append(again)  # after the one it repeats
    (folder / "manifest.jsonl").write_text("\n".join(lines))

    corpus = _screened(load_corpus([str(folder / "manifest.jsonl")], "qu"))
    assert sorted(row["id"] for row in _rows(corpus)) == sorted(good)
    write_skipped(corpus.skipped, tmp_path / "skipped.csv")
    with (tmp_path / "skipped.csv").open(newline="") as file:
        listed = {row["id"]: row["reason"] for row in csv.DictReader(file)}
    unnamed = [reason for name, reason in listed.items() if name.startswith("manifest.jsonl:")]
    assert Counter(unnamed) == {"broken line": 2, "no file named": 1}
    assert {name: reason for name, reason in listed.items() if not name.startswith("manifest.jsonl:")} == {
        "truncated": "truncated",
        "truncated flac": "truncated",
        "truncated opus": "truncated",
        "zero bytes": "empty",
        "no samples": "empty",
        "not audio": "not audio",
        "not finite": "not finite",
        "silent": "silent",
        "constant": "silent",
        "one sample": "too short",
        "too long": "too long",
        "no text": "no transcript",
        "blank text": "no transcript",
        "punctuation": "empty transcript",
        "digits": "unspeakable transcript",
        "labels": "more labels than frames",
        "control": "control characters",
        "surrogate": "not Unicode",
        "above": "outside the corpus folder",
        "absolute": "outside the corpus folder",
        "link": "outside the corpus folder",
        "pipe": "missing file",
        "missing": "missing file",
        "nul": "missing file",
        "good 7": "duplicate",
    }
    assert len(corpus.skipped) == 28
    for row in _rows(corpus):
        assert len(samples(row["audio"])) / 16_000 == pytest.approx(row["seconds"], abs=0.01)


def test_the_transcript_is_what_a_model_learns(folder_of: FolderOf) -> None:
    folder = folder_of(3)
    texts = ["¡Allin punchaw!", "Runa SIMI", "ñuqa"]
    corpus = _screened(load_corpus([_manifest(folder, [(f"a{n}.wav", text) for n, text in enumerate(texts)])], "qu"))
    assert {row["text"]: row["transcript"] for row in _rows(corpus)} == {
        "¡Allin punchaw!": "allin punchaw",
        "Runa SIMI": "runa simi",
        "ñuqa": "ñuqa",
    }


def test_labels_need_a_frame_each_and_a_blank_between_equal_ones(folder_of: FolderOf) -> None:
    rows = [("a0.wav", "abcdef"), ("a1.wav", "abccdd"), ("a2.wav", "abcde")]
    corpus = load_corpus([_manifest(folder_of(3), rows)], "en")
    corpus = _screened(corpus, frames_of=lambda seconds: int(12 * seconds))
    assert {row["transcript"] for row in _rows(corpus)} == {"abcdef", "abcde"}
    assert [(row.id, row.reason) for row in corpus.skipped] == [("a1", "more labels than frames")]
    assert corpus.skipped[0].detail == "8 frames needed, 0.50 s give 6"


def test_a_split_that_is_mostly_bad_stops_the_run(folder_of: FolderOf) -> None:
    folder = folder_of(5)
    for number in (0, 1):
        (folder / f"a{number}.wav").write_bytes(_wav(np.zeros(8_000)))
    rows = [
        "path,text,split",
        "a0.wav,one,train",
        "a1.wav,two,train",
        "a2.wav,2,train",
        "a3.wav,four,test",
        "a4.wav,five,dev",
    ]
    (folder / "m.csv").write_text("\n".join(rows))
    corpus = load_corpus([str(folder / "m.csv")], "qu")
    with pytest.raises(DataError, match="3 of 3 recordings of the train split cannot be used: 2 silent, 1 unspeakable"):
        _screened(corpus)


def test_half_bad_goes_on(folder_of: FolderOf) -> None:
    folder = folder_of(4)
    (folder / "a0.wav").write_bytes(_wav(np.zeros(8_000)))
    rows = ["path,text,split", "a0.wav,one,train", "a1.wav,two,train", "a2.wav,three,test", "a3.wav,four,dev"]
    (folder / "m.csv").write_text("\n".join(rows))
    corpus = _screened(load_corpus([str(folder / "m.csv")], "en"))
    assert corpus.train["id"][:] == ["a1"]
    assert [(row.id, row.split, row.source, row.reason) for row in corpus.skipped] == [
        ("a0", "train", "corpus/m.csv", "silent")
    ]


def _silent_in_six(folder_of: FolderOf, silent: tuple[int, ...], splits: tuple[str, ...]) -> str:
    folder = folder_of(6)
    for number in silent:
        (folder / f"a{number}.wav").write_bytes(_wav(np.zeros(8_000)))
    rows = ["path,text,split", *(f"a{n}.wav,text {'a' * n},{split}" for n, split in enumerate(splits))]
    (folder / "m.csv").write_text("\n".join(rows))
    return str(folder / "m.csv")


def test_beyond_an_hour_recordings_are_decoded_when_they_are_needed(
    folder_of: FolderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = _silent_in_six(folder_of, (0, 5), ("train", "train", "train", "dev", "test", "test"))
    monkeypatch.setattr("hf_speech_tl.corpora.screening._DECODED_HOURS", 1 / 3600)
    monkeypatch.setattr("hf_speech_tl.corpora.screening._SAMPLE", 0)
    screened = _screened(load_corpus([source], "en"))
    assert (len(screened.train), len(screened.test)) == (3, 2)
    assert screened.skipped == ()
    assert "checked by their headers" in screened.notes[-1]
    heard = hear(screened, "test", threads=2)
    assert heard.test["id"][:] == ["a4"]
    assert [(row.id, row.split, row.reason) for row in heard.skipped] == [("a5", "test", "silent")]
    assert heard.fingerprint == screened.fingerprint
    assert hear(heard, "test", threads=2) is heard
    assert len(heard.train) == 3


def test_all_of_a_small_corpus_is_heard(folder_of: FolderOf) -> None:
    source = _silent_in_six(folder_of, (0, 5), ("train", "train", "train", "dev", "test", "test"))
    screened = _screened(load_corpus([source], "en"))
    assert [row.id for row in screened.skipped] == ["a0", "a5"]
    assert hear(screened, "test", threads=2) is screened


def test_a_sample_tells_that_most_of_a_large_split_is_bad(folder_of: FolderOf, monkeypatch: pytest.MonkeyPatch) -> None:
    source = _silent_in_six(folder_of, (0, 1, 2), ("train", "train", "train", "train", "dev", "test"))
    monkeypatch.setattr("hf_speech_tl.corpora.screening._DECODED_HOURS", 1 / 3600)
    with pytest.raises(DataError, match="3 of 4 recordings of the train split cannot be used: 3 silent"):
        _screened(load_corpus([source], "en"))


def test_a_test_split_of_which_nothing_can_be_heard_is_told(
    folder_of: FolderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = _silent_in_six(folder_of, (4, 5), ("train", "train", "train", "dev", "test", "test"))
    monkeypatch.setattr("hf_speech_tl.corpora.screening._DECODED_HOURS", 1 / 3600)
    monkeypatch.setattr("hf_speech_tl.corpora.screening._SAMPLE", 0)
    screened = _screened(load_corpus([source], "en"))
    with pytest.raises(DataError, match="2 of 2 recordings of the test split cannot be used"):
        hear(screened, "test", threads=2)


def test_the_fingerprint_knows_the_transcripts_and_what_was_left_out(folder_of: FolderOf) -> None:
    folder = folder_of(4)
    corpus = load_corpus([_manifest(folder, [(f"a{n}.wav", f"text {'a' * n}") for n in range(4)])], "en")
    prints = [
        corpus.fingerprint,
        _screened(corpus).fingerprint,
        _screened(corpus, frames_of=lambda _: 7).fingerprint,
    ]
    assert len(set(prints)) == 3
    assert _screened(corpus).fingerprint == prints[1]


def test_progress_is_told(folder_of: FolderOf) -> None:
    corpus = load_corpus([_manifest(folder_of(3), [(f"a{n}.wav", f"text {'a' * n}") for n in range(3)])], "en")
    heard: list[tuple[int, int]] = []
    _screened(corpus, progress=lambda done, total: heard.append((done, total)))
    assert heard == [(1, 3), (2, 3), (3, 3)]


def test_a_clip_without_a_transcript_is_too_short_in_frames(folder_of: FolderOf) -> None:
    corpus = load_corpus([_manifest(folder_of(3), [(f"a{n}.wav", "") for n in range(3)])], "en", labelled=False)
    assert _screened(corpus, labelled=False, frames_of=lambda seconds: 2).skipped == ()
    with pytest.raises(DataError, match=r"3 too short.*\(0\.500 s give this model 1 of at least 2 frames; cut it"):
        _screened(corpus, labelled=False, frames_of=lambda seconds: 1)


def test_audio_in_parquet_is_not_copied(tmp_path: Path, voice: Voice) -> None:
    cells = [{"bytes": voice(number, 0.5), "path": None} for number in range(6)]
    cells[2]["bytes"] = _wav(np.zeros(8_000))
    rows = datasets.Dataset.from_dict(
        {"id": list("abcdef"), "audio": cells, "text": ["aa", "bb", "cc", "dd", "ee", "ff"]}
    )
    rows.to_parquet(tmp_path / "c.parquet")
    corpus = _screened(load_corpus([str(tmp_path / "c.parquet")], "en"))
    assert sorted(row["id"] for row in _rows(corpus)) == list("abdef")
    assert pickle.loads(pickle.dumps(corpus.train))[:] == corpus.train[:]  # as a loader's processes get it
    files = {file["filename"] for split in (corpus.train, corpus.test) for file in split.cache_files}
    assert [Path(file).parent.name for file in files] == ["hf_speech_tl"]
    assert [path.suffix for path in Path(files.pop()).parent.iterdir() if path.suffix != ".json"] == [".arrow"]


def test_recordings_of_people_are_good(speech: Path) -> None:
    corpus = load_corpus([str(speech / "zh-hsk-words" / "test.parquet")], "zh")
    corpus = screen(corpus, "romanized", max_seconds=30, min_seconds=0.1, frames_of=_frames, threads=2)
    assert corpus.skipped == ()
    assert len(corpus.test) == 600
    assert set("".join(corpus.test["transcript"])) <= set("abcdefghijklmnopqrstuvwxyz12345 ")


def test_each_transcript_is_normalised_in_its_own_language(folder_of: FolderOf) -> None:
    folder = folder_of(4)
    (folder / "zh.csv").write_text("path,text,split\na0.wav,你好， 3,train\na1.wav,再见！,train\n")
    (folder / "tr.csv").write_text("path,text,split\na2.wav,ISI 3,train\na3.wav,Iyi!,train\n")
    sources = [Source(str(folder / f"{tag}.csv"), lang=tag) for tag in ("zh", "tr")]
    corpus = load_corpus(sources, "mul")
    assert {row["transcript"] for row in _rows(_screened(corpus))} == {"你好三", "再见", "ısı üç", "ıyi"}
    assert _screened(corpus, simplify=True).skipped == ()  # which Turkish has no use for


def test_what_is_mixed_in_may_be_written_in_units_of_its_own(folder_of: FolderOf) -> None:
    folder = folder_of(4)
    (folder / "ru.csv").write_text("path,text,split\na0.wav,да,train\na1.wav,да,train\n")
    (folder / "beside.csv").write_text("path,text,split\na2.wav,нет,train\na3.wav,нет,train\n")
    corpus = load_corpus([str(folder / "ru.csv"), Source(str(folder / "beside.csv"), mix=0.5, units="romanized")], "ru")
    assert {row["transcript"] for row in _rows(_screened(corpus))} == {"да", "net"}

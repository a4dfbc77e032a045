from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hf_speech_tl.corpora import load_corpus
from hf_speech_tl.errors import DataError

Voice = Callable[..., bytes]


def test_splits_speakers_and_texts(tmp_path: Path, voice: Voice) -> None:
    home = tmp_path / "mls_polish_opus"
    for split, speaker in (("train", 19), ("dev", 20), ("test", 21)):
        names = [f"{speaker}_7_{number:06d}" for number in range(4)]
        book = home / split / "audio" / str(speaker) / "7"
        book.mkdir(parents=True)
        for number, name in enumerate(names):
            (book / f"{name}.opus").write_bytes(voice(number, 0.5, file_format="OGG", subtype="OPUS"))
        lines = [f"{name}\tsłowa numer {name[-1]}" for name in names] + [f"{speaker}_7_000009\tnie ma"]
        (home / split / "transcripts.txt").write_text("\n".join(lines), "utf-8")
        (home / split / "segments.txt").write_text(f"{names[0]}\thttp://example.org/a.mp3\t1.0\t2.0\n")
    corpus = load_corpus([str(home)], "pl")
    assert sorted(corpus.train["text"][:]) == [f"słowa numer {number}" for number in range(4)]
    assert set(corpus.validation["speaker"][:]) == {"20"} and len(corpus.test) == 4
    assert {(row.id, row.reason) for row in corpus.skipped} == {
        (f"{speaker}_7_000009", "missing file") for speaker in (19, 20, 21)
    }


def test_each_language_has_its_own_recordings(tmp_path: Path, voice: Voice) -> None:
    for seed, name in enumerate(("mls_italian", "mls_french")):
        book = tmp_path / name / "train" / "audio" / "1" / "2"
        book.mkdir(parents=True)
        (book / "1_2_0.flac").write_bytes(voice(seed, 0.5, file_format="FLAC"))
        (tmp_path / name / "train" / "transcripts.txt").write_text("1_2_0\twords\n")
    with pytest.raises(DataError, match=r"2 languages \(mls_french, mls_italian\).*--data"):
        load_corpus([str(tmp_path)], "it")


def test_a_text_of_that_name_alone_is_no_layout(tmp_path: Path, voice: Voice) -> None:
    for number in range(4):
        (tmp_path / f"a{number}.wav").write_bytes(voice(number, 0.5))
        (tmp_path / f"a{number}.txt").write_text(f"words {number}")
    (tmp_path / "transcripts.txt").write_text("notes of mine")
    assert len(load_corpus([str(tmp_path)], "en").train) > 0

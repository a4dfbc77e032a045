"""What is taken of a corpus whose transcripts are not looked at, and which of its recordings were heard elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import soundfile

from hf_speech_tl.corpora import forget_transcripts, heard_elsewhere, load_corpus

FolderOf = Callable[[int], Path]


def _manifest(folder: Path, name: str, lines: list[str], columns: str = "id,path,text,split") -> str:
    (folder / name).write_text("\n".join([columns, *lines]))
    return str(folder / name)


def test_all_that_no_source_calls_validation_or_test_is_for_training(folder_of: FolderOf) -> None:
    folder = folder_of(5)
    splits = ("", "train", "dev", "test", "")
    source = _manifest(folder, "m.csv", [f"u{at},a{at}.wav,word {at},{split}" for at, split in enumerate(splits)])
    corpus = load_corpus([source], "en", labelled=False, divided=False)
    assert corpus.train["id"][:] == ["u0", "u1", "u4"]
    pool = forget_transcripts(corpus)
    assert pool.train["text"][:] == [None] * 3 and len(pool.validation) == len(pool.test) == 0
    assert pool.notes == (
        "corpus/m.csv: 3 of 3 recordings have transcripts, which are not looked at",
        "corpus/m.csv: 2 recordings of its validation and test splits are left out",
    )
    assert pool.train[1]["audio"] == corpus.train[1]["audio"]


def test_recordings_without_transcripts_need_no_word(folder_of: FolderOf) -> None:
    folder = folder_of(4)
    source = _manifest(folder, "m.csv", [f"u{at},a{at}.wav" for at in range(4)], "id,path")
    pool = forget_transcripts(load_corpus([source], "en", labelled=False, divided=False))
    assert len(pool.train) == 4 and pool.notes == ()


def test_a_recording_is_known_again_by_its_samples(folder_of: FolderOf) -> None:
    folder = folder_of(5)
    samples, rate = soundfile.read(folder / "a1.wav", dtype="int16")
    soundfile.write(folder / "renamed.flac", samples, rate)
    labelled = load_corpus(
        [_manifest(folder, "m.csv", [f"u{at},a{at}.wav,w" for at in range(3)], "id,path,text")], "en"
    )
    names = ["a3.wav", "renamed.flac", "a4.wav"]
    source = _manifest(folder, "pool.csv", [f"p{at},{name}" for at, name in enumerate(names)], "id,path")
    pool = load_corpus([source], "en", labelled=False, divided=False)
    told: list[tuple[int, int]] = []
    others = [labelled.train, labelled.validation, labelled.test]
    (double,) = heard_elsewhere(pool.train, others, lambda done, total: told.append((done, total)))
    assert (double.id, double.split, double.reason) == ("p1", "unlabelled", "in the labelled data too")
    assert told[-1] == (6, 6)

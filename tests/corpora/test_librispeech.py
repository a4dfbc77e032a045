from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hf_speech_tl.corpora import load_corpus

Voice = Callable[..., bytes]


def test_splits_speakers_and_texts(tmp_path: Path, voice: Voice) -> None:
    for split, speaker in (("train-clean-100", 19), ("dev-other", 20), ("test-clean", 21)):
        chapter = tmp_path / "LibriSpeech" / split / str(speaker) / "198"
        chapter.mkdir(parents=True)
        names = [f"{speaker}-198-{number:04d}" for number in range(4)]
        for number, name in enumerate(names):
            (chapter / f"{name}.flac").write_bytes(voice(number, 0.5, file_format="FLAC"))
        lines = [f"{name} THE WORDS OF {name[-1]}" for name in names] + [f"{speaker}-198-0009 LOST"]
        lines += ["/etc/passwd LOST"] * (speaker == 19)
        (chapter / f"{speaker}-198.trans.txt").write_text("\n".join(lines))
    corpus = load_corpus([str(tmp_path)], "en")
    assert sorted(corpus.train["text"][:]) == [f"THE WORDS OF {number}" for number in range(4)]
    assert set(corpus.validation["speaker"][:]) == {"20"} and len(corpus.test) == 4
    lost = {(f"{speaker}-198-0009", "missing file") for speaker in (19, 20, 21)}
    assert {(row.id, row.reason) for row in corpus.skipped} == lost | {("/etc/passwd", "outside the corpus folder")}


def test_the_folder_of_one_split(tmp_path: Path, voice: Voice) -> None:
    home = tmp_path / "dev-clean" / "1"
    home.mkdir(parents=True)
    (home / "1-2-0.flac").write_bytes(voice(0, 0.5, file_format="FLAC"))
    (home / "1-2.trans.txt").write_text("1-2-0 WORDS")
    assert len(load_corpus([str(tmp_path / "dev-clean")], "en").validation) == 1

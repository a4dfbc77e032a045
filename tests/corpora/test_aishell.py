from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hf_speech_tl.corpora import load_corpus
from hf_speech_tl.errors import DataError

Voice = Callable[..., bytes]


def _transcripts(home: Path) -> None:
    (home / "transcript").mkdir(parents=True)
    lines = [f"BAC009S000{n}W0121 甚至 出现 交易 {n}" for n in (2, 724, 764)]
    (home / "transcript" / "aishell_transcript_v0.8.txt").write_text("\n".join(lines))


def test_splits_speakers_and_texts(tmp_path: Path, voice: Voice) -> None:
    home = tmp_path / "data_aishell"
    _transcripts(home)
    for split, number in (("train", 2), ("dev", 724), ("test", 764)):
        folder = home / "wav" / split / f"S000{number}"
        folder.mkdir(parents=True)
        (folder / f"BAC009S000{number}W0121.wav").write_bytes(voice(number, 0.5))
    (home / "wav" / "train" / "S0002" / "BAC009S0002W0999.wav").write_bytes(voice(0, 0.5))
    corpus = load_corpus([str(home)], "zh")
    assert corpus.train["text"][0] == "甚至 出现 交易 2" and corpus.test["speaker"][:] == ["S000764"]
    assert len(corpus.train) == 1
    assert [(row.id, row.reason) for row in corpus.skipped] == [("BAC009S0002W0999", "no transcript")]
    assert not any("no recording" in note for note in corpus.notes)
    (home / "wav" / "train" / "S0002" / "BAC009S0002W0121.wav").unlink()
    assert any("1 transcripts have no recording" in note for note in load_corpus([str(home)], "zh").notes)
    assert len(corpus.validation) == 1


def test_packed_speakers_are_told(tmp_path: Path) -> None:
    _transcripts(tmp_path)
    with pytest.raises(DataError, match=r"unpack the archives"):
        load_corpus([str(tmp_path)], "zh")

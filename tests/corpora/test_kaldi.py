from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hf_speech_tl.corpora import load_corpus, samples
from hf_speech_tl.errors import DataError

Voice = Callable[..., bytes]


def _data(home: Path, **files: str) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (home / ("wav.scp" if name == "scp" else name)).write_text(content)
    return home


def test_recordings_by_utterance_and_by_segment(tmp_path: Path, voice: Voice) -> None:
    (tmp_path / "audio").mkdir()
    for name, seconds in (("u1", 0.5), ("u2", 0.5), ("u3", 0.5), ("u4", 0.5), ("long", 4.0)):
        (tmp_path / "audio" / f"{name}.wav").write_bytes(voice(len(name), seconds))
    _data(
        tmp_path / "data" / "train_nodup",
        scp=f"u1 ../../audio/u1.wav\nu2 {tmp_path}/audio/u2.wav\nu3 audio/u3.wav\nu4 audio/u4.wav\n",
        text="u1 one\nu2\ttwo words\nu3 six\nu4 seven\n",
        utt2spk="u1 ana\nu2 ben\n",
    )
    _data(
        tmp_path / "data" / "test",
        scp="rec audio/long.wav\n",
        text="a three\nb four\nd five\n",
        segments="a rec 0.5 1.25 0\nb rec 3.0 -1\nc gone 0 1\ne rec 0 1 1\n",
    )
    corpus = load_corpus([str(tmp_path)], "en")
    rows = {row["id"]: row for split in (corpus.train, corpus.validation, corpus.test) for row in split}
    assert {name: (row["text"], row["speaker"]) for name, row in rows.items()} == {
        "u1": ("one", "ana"),
        "u2": ("two words", "ben"),
        "u3": ("six", None),
        "u4": ("seven", None),
        "a": ("three", None),
        "b": ("four", None),
    }
    assert [len(samples(rows[name]["audio"])) for name in "ab"] == [12_000, 16_000]
    assert [(row.id, row.reason, row.split) for row in corpus.skipped] == [
        ("c", "missing file", "test"),
        ("e", "no such piece", "test"),
        ("d", "missing file", "test"),
    ]


def test_commands_are_never_run(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    home = _data(tmp_path / "d", scp=f"u1 touch {victim}; cat a.wav |\n", text="u1 one\n")
    with pytest.raises(DataError, match=r"recording of u1 is a command .*not run"):
        load_corpus([str(home)], "en")
    assert not victim.exists()


def test_nothing_outside_the_folder_is_read(tmp_path: Path, voice: Voice) -> None:
    (tmp_path / "secret.wav").write_bytes(voice(0, 0.5))
    (tmp_path / "d").mkdir()
    for name in "ab":
        (tmp_path / "d" / f"{name}.wav").write_bytes(voice(1, 0.5))
    home = _data(tmp_path / "d", scp="u1 ../secret.wav\nu2 a.wav\nu3 b.wav\n", text="u1 x\nu2 y\nu3 z\n")
    corpus = load_corpus([str(home)], "en")
    assert [(row.id, row.reason) for row in corpus.skipped] == [("u1", "outside the corpus folder")]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"scp": "u1 a.wav\n"}, "no file `text`"),
        ({"scp": "u1 a.wav\n", "text": "u1 x\n", "segments": "u1 a zero 1\n"}, "UTTERANCE RECORDING START END"),
        ({"scp": "u1 a.ark:17\n", "text": "u1 x\n"}, "in a Kaldi archive"),
        ({"scp": "u1 a.wav\n", "text": "u1 x\n", "segments": ""}, "1 missing file"),
        ({"scp": "u1 a.wav\n", "text": "u1 x\n", "segments": "u1 a\n"}, "UTTERANCE RECORDING START END"),
    ],
)
def test_what_is_missing_or_broken_is_named(tmp_path: Path, files: dict[str, str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        load_corpus([str(_data(tmp_path / "d", **files))], "en")

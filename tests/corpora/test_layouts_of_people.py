"""Each layout made of the same recordings of people gives the same utterances."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from praatio import textgrid
from pympi.Elan import Eaf

from hf_speech_tl.audio import RATE, decode
from hf_speech_tl.corpora import load_corpus

_COUNT = 40  # utterances of it-asterisk, of which ten each become validation and test

Clips = list[tuple[str, str, bytes]]


def _split(number: int) -> str:
    return ("train", "train", "dev", "test")[number % 4]


def _common_voice(home: Path, clips: Clips) -> None:
    (home / "clips").mkdir()
    lines: dict[str, list[str]] = {"validated": [], "dev": [], "test": []}
    for number, (name, text, content) in enumerate(clips):
        (home / "clips" / f"{name}.mp3").write_bytes(content)
        line = f"voice{number}\t{name}.mp3\t{text}\t2"
        lines["validated"].append(line)
        if _split(number) != "train":
            lines[_split(number)].append(line)
    for name, rows in lines.items():
        (home / f"{name}.tsv").write_text("\n".join(["client_id\tpath\tsentence\tup_votes", *rows]))


def _aishell(home: Path, clips: Clips) -> None:
    (home / "transcript").mkdir()
    (home / "transcript" / "aishell_transcript_v0.8.txt").write_text(
        "\n".join(f"{name} {text}" for name, text, _ in clips)
    )
    for number, (name, _, content) in enumerate(clips):
        folder = home / "wav" / _split(number) / "S0001"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.wav").write_bytes(content)


def _librispeech(home: Path, clips: Clips) -> None:
    for number, (name, text, content) in enumerate(clips):
        folder = home / f"{_split(number)}-clean" / "1" / "2"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.flac").write_bytes(content)
        with (folder / "1-2.trans.txt").open("a") as file:
            file.write(f"{name} {text}\n")


def _long(clips: Clips) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """The clips one after another with a second of silence between them, and where each lies, in seconds."""
    pieces, places, at = [], [], 0
    for _, _, content in clips:
        samples = decode(content)
        places.append((at / RATE, (at + len(samples)) / RATE))
        pieces += [samples, np.zeros(RATE, np.float32)]
        at += len(samples) + RATE
    return np.concatenate(pieces), places


def _by_split(clips: Clips) -> dict[str, Clips]:
    return {
        split: [clip for number, clip in enumerate(clips) if _split(number) == split]
        for split in ("train", "dev", "test")
    }


def _kaldi(home: Path, clips: Clips) -> None:
    for split, members in _by_split(clips).items():
        (home / split).mkdir()
        samples, places = _long(members)
        soundfile.write(home / split / "long.wav", samples, RATE)
        (home / split / "wav.scp").write_text("rec long.wav\n")
        (home / split / "text").write_text("\n".join(f"{name} {text}" for name, text, _ in members))
        rows = [f"{clip[0]} rec {start:.4f} {end:.4f}" for clip, (start, end) in zip(members, places, strict=True)]
        (home / split / "segments").write_text("\n".join(rows))


def _elan(home: Path, clips: Clips) -> None:
    for split, members in _by_split(clips).items():
        samples, places = _long(members)
        soundfile.write(home / f"{split}.wav", samples, RATE)
        eaf = Eaf()
        eaf.add_linked_file(f"file:///D:/{split}.wav", relpath=f"./{split}.wav", mimetype="audio/x-wav")
        eaf.add_tier("tx")
        for (_, text, _), (start, end) in zip(members, places, strict=True):
            eaf.add_annotation("tx", round(1000 * start), round(1000 * end), text)
        eaf.to_file(str(home / f"{split}.eaf"))


def _praat(home: Path, clips: Clips) -> None:
    for split, members in _by_split(clips).items():
        samples, places = _long(members)
        soundfile.write(home / f"{split}.wav", samples, RATE)
        entries = [(start, end, text) for (_, text, _), (start, end) in zip(members, places, strict=True)]
        grid = textgrid.Textgrid()
        grid.addTier(textgrid.IntervalTier("words", entries, 0, len(samples) / RATE))
        grid.save(str(home / f"{split}.TextGrid"), format="short_textgrid", includeBlankSpaces=True)


@pytest.mark.parametrize("make", [_common_voice, _aishell, _librispeech, _kaldi, _elan, _praat])
def test_the_same_utterances(make: Callable[[Path, Clips], None], speech: Path, tmp_path: Path) -> None:
    rows = pq.read_table(speech / "it-asterisk" / "train.parquet").slice(0, 4 * _COUNT).to_pylist()
    different = {" ".join(row["text"].split()): row for row in rows}  # Common Voice keeps judged sentences apart
    clips = [(f"1-2-{number:04d}", text, row["audio"]["bytes"]) for number, (text, row) in enumerate(different.items())]
    clips = clips[:_COUNT]
    make(tmp_path, clips)
    corpus = load_corpus([str(tmp_path)], "it")
    assert corpus.skipped == ()
    by_split = _by_split(clips)
    for found, split in ((corpus.train, "train"), (corpus.validation, "dev"), (corpus.test, "test")):
        assert sorted(found["text"][:]) == sorted(text for _, text, _ in by_split[split])
        seconds = sum(len(decode(content)) for _, _, content in by_split[split]) / RATE
        assert sum(found["seconds"][:]) == pytest.approx(seconds, abs=0.002 * len(found))

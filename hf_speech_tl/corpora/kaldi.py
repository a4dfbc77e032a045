"""Data folders of Kaldi and its successors: wav.scp, text, utt2spk and, for long recordings, segments.

kaldi-asr.org/doc/data_prep.html describes them. Each folder with a wav.scp is one, its name says which split it is.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hf_speech_tl.corpora.lines import text_lines
from hf_speech_tl.corpora.recordings import Listing, Row
from hf_speech_tl.corpora.splits import split_of_file
from hf_speech_tl.errors import DataError


def marks(listing: Listing) -> list[Path]:
    """The files wav.scp."""
    return [file for file in listing.files if file.name == "wav.scp"]


def read(scripts: Sequence[Path], listing: Listing) -> tuple[list[Row], str]:
    """The rows of every data folder below the corpus folder.

    Paths are those of wav.scp, relative to it or to the corpus folder, and must lie inside of that. Raises DataError
    where an entry is a command (it would have to be run to be heard), or where no folder has a file `text`.
    """
    transcribed = [script for script in scripts if script.with_name("text") in listing.files]
    if not transcribed:
        raise DataError(
            f"{listing.folder.name}: there is no file `text` beside wav.scp, where a Kaldi data folder has its "
            "transcripts, a line an utterance."
        )
    silent = len(scripts) - len(transcribed)
    without = f"; {silent} without a file `text` are left out" if silent else ""
    rows = [row for script in transcribed for row in _rows(script, listing)]
    return rows, f"read as {len(transcribed)} Kaldi data folders{without}"


def _rows(script: Path, listing: Listing) -> list[Row]:
    home = script.parent.relative_to(listing.folder)
    split = split_of_file(home) or split_of_file(Path(listing.folder.name))
    tables = {
        name: dict(text_lines(file)) if (file := script.with_name(name)) in listing.files else None
        for name in ("wav.scp", "text", "utt2spk", "segments")
    }
    recordings, texts, speakers = tables["wav.scp"] or {}, tables["text"] or {}, tables["utt2spk"] or {}
    there = {file.relative_to(listing.folder).as_posix() for file in listing.files}
    places = {name: _place(name, entry, home, listing.folder, there) for name, entry in recordings.items()}
    if tables["segments"] is None:
        pieces = {name: _Piece(name, None, None) for name in recordings}
    else:
        pieces = {name: _piece(name, rest, home / "segments") for name, rest in tables["segments"].items()}
    rows = []
    for name in [*pieces, *(name for name in texts if name not in pieces)]:
        piece = pieces.get(name, _Piece(name, None, None))
        fault = None if piece.recording in places else ("missing file", f"no {piece.recording} in wav.scp")
        if piece.channel not in ("", "0"):
            fault = "no such piece", f"channel {piece.channel}: recordings are heard with their channels averaged"
        row = Row(name, places.get(piece.recording, ""), texts.get(name), speakers.get(name), split)
        if fault:
            rows.append(replace(row, reason=fault[0], detail=fault[1]))
        else:
            rows.append(replace(row, offset=piece.offset, length=piece.length))
    return rows


@dataclass(frozen=True)
class _Piece:
    """Where an utterance lies: recording, offset and length in seconds (None: its end), channel."""

    recording: str
    offset: float | None
    length: float | None
    channel: str = ""


def _place(name: str, entry: str, home: Path, folder: Path, there: set[str]) -> str:
    """The recording of one line of wav.scp, relative to the corpus folder where it is inside of it."""
    if entry.endswith("|") or entry.startswith("|"):
        raise DataError(
            f"{home / 'wav.scp'}: the recording of {name} is a command ({entry[:60]}), and commands in data are not "
            "run. Write its output to a file and name that (Kaldi's wav-copy does)."
        )
    if re.search(r"\.ark:\d+$", entry):
        raise DataError(
            f"{home / 'wav.scp'}: the recording of {name} is in a Kaldi archive. Copy it out with wav-copy."
        )
    beside = posixpath.normpath(posixpath.join(home.as_posix(), entry))
    return beside if beside in there else os.path.relpath(entry, folder) if os.path.isabs(entry) else entry


def _piece(name: str, rest: str, table: Path) -> _Piece:
    try:
        recording, start, end, *channel = rest.split()
        length = None if float(end) < 0 else float(end) - float(start)
        return _Piece(recording, float(start), length, *channel[:1])
    except ValueError:
        raise DataError(
            f"{table}: the line of {name} is not UTTERANCE RECORDING START END, with times in seconds."
        ) from None

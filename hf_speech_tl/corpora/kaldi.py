"""Data folders of Kaldi and its successors: wav.scp, text, utt2spk and, for long recordings, segments.

kaldi-asr.org/doc/data_prep.html describes them. Each folder with a wav.scp is one, its name says which split it is.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
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
    where an entry is a command (it would have to be run to be heard), or where there is no file `text`.
    """
    return [row for script in scripts for row in _rows(script, listing.folder)], "read as Kaldi data folders"


def _rows(script: Path, folder: Path) -> list[Row]:
    home = script.parent
    within = home.relative_to(folder)
    split = split_of_file(within) or split_of_file(Path(folder.name))
    if not (home / "text").is_file():
        raise DataError(
            f"{within / 'text'} is missing: a Kaldi data folder has transcripts there, a line an utterance."
        )
    recordings = {name: _path(script, name, place, folder) for name, place in text_lines(script)}
    speakers = dict(text_lines(home / "utt2spk")) if (home / "utt2spk").is_file() else {}
    texts = dict(text_lines(home / "text"))
    pieces = _pieces(home / "segments") if (home / "segments").is_file() else None
    rows = []
    for name, (recording, offset, length) in (pieces or {name: (name, None, None) for name in recordings}).items():
        row = Row(name, recordings.get(recording, ""), texts.get(name), speakers.get(name), split, offset, length)
        if recording not in recordings:
            row = Row(name, "", split=split, reason="missing file", detail=f"no {recording} in wav.scp")
        rows.append(row)
    return rows


def _path(script: Path, name: str, place: str, folder: Path) -> str:
    """The recording of one line, relative to the folder where it is inside of it."""
    if place.endswith("|") or place.startswith("|"):
        raise DataError(
            f"{script.relative_to(folder)}: the recording of {name} is a command ({place[:60]}), and commands in data "
            "are not run. Write its output to a file and name that (Kaldi's wav-copy does)."
        )
    beside = os.path.join(os.path.relpath(script.parent, folder), place)
    return beside if (folder / beside).exists() else place


def _pieces(segments: Path) -> dict[str, tuple[str, float | None, float | None]]:
    """Recording, offset and length in seconds of each utterance; an end of -1 is the recording's own."""
    pieces: dict[str, tuple[str, float | None, float | None]] = {}
    for name, rest in text_lines(segments):
        try:
            recording, start, end = rest.split()[:3]
            pieces[name] = recording, float(start), None if float(end) < 0 else float(end) - float(start)
        except ValueError:
            raise DataError(
                f"{segments.name}: the line of {name} is not UTTERANCE RECORDING START END, with times in seconds."
            ) from None
    return pieces

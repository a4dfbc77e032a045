"""A folder of recordings: in one of the layouts of the field, with a table of ours, or with a .txt beside each file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from hf_speech_tl.corpora import aishell, common_voice, kaldi, librispeech, tiers
from hf_speech_tl.corpora.licence import licence_beside
from hf_speech_tl.corpora.manifest import MANIFESTS, read_manifests
from hf_speech_tl.corpora.recordings import Listing, Row, read_rows
from hf_speech_tl.corpora.sources import AUDIO
from hf_speech_tl.corpora.splits import split_named, split_of_file
from hf_speech_tl.corpora.table import Recordings
from hf_speech_tl.errors import DataError


class _Layout(Protocol):
    def marks(self, listing: Listing, /) -> list[Path]:
        """The files that give the layout away; none where the folder has another."""

    def read(self, marked: Sequence[Path], listing: Listing, /) -> tuple[list[Row], str]:
        """The rows of these files, and a note on how they were read."""


_LAYOUTS: dict[str, _Layout] = {
    "Common Voice": common_voice,
    "AISHELL-1": aishell,
    "LibriSpeech": librispeech,
    "Kaldi": kaldi,
    "ELAN or Praat": tiers,
}


def read_folder(folder: Path, text_column: str | None, tier: str | None) -> Recordings:
    """The recordings in `folder`: by its metadata files, else by the layout that its files give away, else by manifests
    named for splits, else by .txt files.

    Splits: a column of the metadata, else the names of manifests (train.tsv) or of subfolders (train/, dev/, test/).
    """
    files = _files(folder)
    manifests = [file for file in files if file.suffix.lower() in MANIFESTS]
    metadata = [file for file in manifests if file.stem.lower() == "metadata"]
    by_split = [file for file in manifests if file.parent == folder and split_of_file(Path(file.name))]
    if metadata:
        return read_manifests(metadata, folder, text_column)
    if found := _in_a_layout(Listing(folder, files, tier)):
        return found
    if by_split:
        return read_manifests(by_split, folder, text_column)
    audio = [file for file in files if file.suffix.lower() in AUDIO]
    if not audio:
        raise DataError(
            f"{folder} holds no corpus: expected Parquet files, audio files with metadata.csv, .tsv or .jsonl, "
            "audio files with a .txt beside each, train, validation and test manifests, or the files of "
            f"{', '.join(_LAYOUTS)}."
        )
    texts = {file for file in files if file.suffix.lower() == ".txt"}
    rows = [_row(file, folder, texts) for file in audio]
    if not any(row.text for row in rows):
        raise DataError(
            f"{folder} holds {len(audio)} recordings and no transcripts: put a metadata.csv with the columns file_name "
            "and text into it, or a .txt of the same name beside each recording."
        )
    return Recordings(read_rows(rows, folder), licence_beside(folder))


def read_annotation(file: Path, tier: str | None) -> Recordings:
    """The recording that one ELAN or Praat file is of."""
    rows, note = tiers.read([file], Listing(file.parent, [file], tier))
    return Recordings(read_rows(rows, file.parent), licence_beside(file), note)


def _in_a_layout(listing: Listing) -> Recordings | None:
    for layout in _LAYOUTS.values():
        if marked := layout.marks(listing):
            rows, note = layout.read(marked, listing)
            return Recordings(read_rows(rows, listing.folder), licence_beside(listing.folder), note)
    return None


def _files(folder: Path) -> list[Path]:
    found = []
    for parent, inner, names in os.walk(folder):
        inner[:] = [name for name in inner if not name.startswith((".", "__MACOSX"))]
        found += [Path(parent, name) for name in names if not name.startswith(".")]
    return sorted(found)


def _row(file: Path, folder: Path, texts: set[Path]) -> Row:
    within = file.relative_to(folder)
    split = next((found for part in within.parts[:-1] if (found := split_named(part))), None)
    names = (file.with_suffix(".txt"), file.with_name(f"{file.name}.txt"))
    beside = next((path for path in names if path in texts), None)
    row = Row(id=within.with_suffix("").as_posix(), name=within.as_posix(), split=split)
    if beside is None:
        return row
    try:
        text = beside.read_text("utf-8-sig", errors="surrogateescape")
    except OSError as error:
        return Row(row.id, row.name, split=split, reason="unreadable", detail=f"{beside.name}: {error.strerror}")
    return Row(row.id, row.name, text.strip() or None, split=split)

"""A folder of audio files: with metadata.csv, .tsv or .jsonl, or with a .txt of the same name beside each file."""

from __future__ import annotations

import os
from pathlib import Path

from hf_speech_tl.corpora.licence import licence_beside
from hf_speech_tl.corpora.manifest import MANIFESTS, read_manifests
from hf_speech_tl.corpora.recordings import Row, read_rows
from hf_speech_tl.corpora.splits import split_named, split_of_file
from hf_speech_tl.corpora.table import Recordings
from hf_speech_tl.errors import DataError

# Formats that libsndfile does not read stand here too, so that they are listed as skipped rather than overlooked.
_AUDIO = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".caf", ".w64", ".sph"}
_AUDIO |= {".m4a", ".mp4", ".aac", ".webm", ".wma", ".amr"}


def read_folder(folder: Path, text_column: str | None) -> Recordings:
    """The recordings in `folder`: by its metadata files, else by manifests named for splits, else by .txt files.

    Splits: a column of the metadata, else the names of manifests (train.tsv) or of subfolders (train/, dev/, test/).
    """
    files = _files(folder)
    manifests = [file for file in files if file.suffix.lower() in MANIFESTS]
    metadata = [file for file in manifests if file.stem.lower() == "metadata"]
    by_split = [file for file in manifests if file.parent == folder and split_of_file(Path(file.name))]
    if metadata or by_split:
        return read_manifests(metadata or by_split, folder, text_column)
    audio = [file for file in files if file.suffix.lower() in _AUDIO]
    if not audio:
        raise DataError(
            f"{folder} holds no corpus: expected Parquet files, audio files with metadata.csv, .tsv or .jsonl, "
            "audio files with a .txt beside each, or train, validation and test manifests."
        )
    texts = {file for file in files if file.suffix.lower() == ".txt"}
    rows = [_row(file, folder, texts) for file in audio]
    if not any(row.text for row in rows):
        raise DataError(
            f"{folder} holds {len(audio)} recordings and no transcripts: put a metadata.csv with the columns file_name "
            "and text into it, or a .txt of the same name beside each recording."
        )
    return Recordings(read_rows(rows, folder), licence_beside(folder))


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

"""A folder of recordings: in one of the layouts of the field, with a table of ours, or with a .txt beside each file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from hf_speech_tl.corpora import aishell, common_voice, kaldi, librispeech, mls, tiers
from hf_speech_tl.corpora.files import Progress
from hf_speech_tl.corpora.licence import licences_beside
from hf_speech_tl.corpora.manifest import MANIFESTS, read_manifests
from hf_speech_tl.corpora.recordings import Listing, Row, read_rows
from hf_speech_tl.corpora.sources import AUDIO
from hf_speech_tl.corpora.splits import split_named, split_of_file
from hf_speech_tl.corpora.table import Recordings
from hf_speech_tl.errors import DataError
from hf_speech_tl.languages import Language


class _Layout(Protocol):
    def marks(self, listing: Listing, /) -> list[Path]:
        """The files that give the layout away; none where the folder has another."""

    def read(self, marked: Sequence[Path], listing: Listing, /) -> tuple[list[Row], str]:
        """The rows of these files, and a note on how they were read."""


_LAYOUTS: dict[str, _Layout] = {
    "Common Voice": common_voice,
    "AISHELL-1": aishell,
    "LibriSpeech": librispeech,
    "Multilingual LibriSpeech": mls,
    "Kaldi": kaldi,
}


def read_folder(
    folder: Path,
    language: Language,
    text_column: str | None,
    tier: str | None,
    progress: Progress | None = None,
    *,
    labelled: bool = True,
) -> Recordings:
    """The recordings in `folder`: by the tier that is named, else by its metadata files, else in the layout that its
    files give away, else by manifests named for splits, else by .txt files, else by the only tier.

    Splits: a column of the metadata, else the names of manifests (train.tsv) or of subfolders (train/, dev/, test/).
    Unless `labelled`, there need be no transcripts.
    """
    files = _files(folder)
    listing = Listing(folder, files, language, tier)
    if tier is not None and (marked := tiers.marks(listing)):
        return _laid_out(tiers, marked, listing, progress)
    manifests = [file for file in files if file.suffix.lower() in MANIFESTS]
    if metadata := [file for file in manifests if file.stem.lower() == "metadata"]:
        return read_manifests(metadata, folder, text_column, progress, labelled=labelled)
    for layout in _LAYOUTS.values():
        if marked := layout.marks(listing):
            return _laid_out(layout, marked, listing, progress)
    if by_split := [file for file in manifests if file.parent == folder and split_of_file(Path(file.name))]:
        return read_manifests(by_split, folder, text_column, progress, labelled=labelled)
    texts = {file for file in files if file.suffix.lower() == ".txt"}
    rows = [_row(file, folder, texts) for file in files if file.suffix.lower() in AUDIO]
    if any(row.text for row in rows):
        return Recordings(read_rows(rows, folder, progress), licences_beside(folder))
    if marked := tiers.marks(listing):
        return _laid_out(tiers, marked, listing, progress)
    if rows and not labelled:
        return Recordings(read_rows(rows, folder, progress), licences_beside(folder))
    if rows:
        raise DataError(
            f"{folder} holds {len(rows)} recordings and no transcripts: put a metadata.csv with the columns file_name "
            "and text into it, or a .txt of the same name beside each recording; only `pretrain` does without."
        )
    raise DataError(
        f"{folder} holds no corpus: expected Parquet files, audio files with metadata.csv, .tsv or .jsonl, audio files "
        "with a .txt beside each, train, validation and test manifests, ELAN or Praat files, or the files of "
        f"{', '.join(_LAYOUTS)}."
    )


def read_annotation(file: Path, language: Language, tier: str | None, progress: Progress | None = None) -> Recordings:
    """The recording that one ELAN or Praat file is of."""
    return _laid_out(tiers, [file], Listing(file.parent, sorted(file.parent.iterdir()), language, tier), progress)


def _laid_out(layout: _Layout, marked: Sequence[Path], listing: Listing, progress: Progress | None) -> Recordings:
    rows, note = layout.read(marked, listing)
    return Recordings(read_rows(rows, listing.folder, progress), licences_beside(listing.folder), note, layout is tiers)


def _files(folder: Path) -> list[Path]:
    """All files below the folder but hidden ones, and links out of it; such links to recordings are listed later."""
    home = os.path.realpath(folder)
    found = []
    for parent, inner, names in os.walk(folder):
        inner[:] = [name for name in inner if not name.startswith((".", "__MACOSX"))]
        paths = [os.path.join(parent, name) for name in names if not name.startswith(".")]
        found += [
            path
            for path in paths
            if not os.path.islink(path)
            or os.path.splitext(path)[1].lower() in AUDIO
            or Path(os.path.realpath(path)).is_relative_to(home)
        ]
    return [Path(path) for path in sorted(found, key=lambda path: path.split(os.sep))]


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

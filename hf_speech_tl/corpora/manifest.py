"""Manifests: a line a recording, as .jsonl (NeMo's way), .csv or .tsv, with the audio in files beside it."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from hf_speech_tl.corpora.columns import Columns, find_columns
from hf_speech_tl.corpora.files import Progress
from hf_speech_tl.corpora.licence import licences_beside
from hf_speech_tl.corpora.lines import Line, read_lines
from hf_speech_tl.corpora.recordings import Row, is_unicode, read_rows
from hf_speech_tl.corpora.splits import split_named, split_of_file
from hf_speech_tl.corpora.table import Recordings
from hf_speech_tl.errors import DataError

_EXTENSION = re.compile(r"\.\w{1,5}$")
MANIFESTS = {
    ".jsonl": 'one JSON object a line, such as {"audio": "a.wav", "text": "..."}',
    ".csv": "a first line with the names of the columns, then a line a recording, fields separated by commas",
    ".tsv": "a first line with the names of the columns, then a line a recording, fields separated by tabs",
}


def read_manifests(
    files: Sequence[Path],
    folder: Path,
    text_column: str | None,
    progress: Progress | None = None,
    *,
    labelled: bool = True,
) -> Recordings:
    """The recordings that `files` name; the names are relative to where each file lies, and all stay in `folder`;
    unless `labelled`, there need be no transcripts.

    Splits: a column `split`, else the manifest's own name or folder (dev.tsv), else the subfolder of the audio.
    """
    rows = [row for file in files for row in manifest_rows(file, folder, text_column, labelled=labelled)]
    return Recordings(read_rows(rows, folder, progress), licences_beside(folder))


def manifest_rows(
    file: Path, folder: Path, text_column: str | None, clips: str = "", *, labelled: bool = True
) -> list[Row]:
    """A row for each line of one manifest; `clips` names the folder beside it that the recordings are in."""
    lines = read_lines(file)
    found = list(dict.fromkeys(name for line in lines for name in line.fields))
    if file.suffix.lower() == ".jsonl":
        found = [name for name in found if is_unicode(name)]  # one line's key is not the file's encoding
    if not found:
        raise DataError(f"{file.name} holds no row that can be read; expected {MANIFESTS[file.suffix.lower()]}.")
    if not is_unicode(*found):
        raise DataError(f"{file.name} is not in UTF-8; save it as UTF-8.")
    columns = find_columns(found, file.name, text_column, labelled=labelled)
    within = file.relative_to(folder)
    places, split = _Places(within.parent / clips), split_of_file(within)
    return [_row(line, columns, f"{within.name}:{line.number}", split, places) for line in lines]


class _Places:
    """Names in a manifest to paths in the corpus folder; what their folders say is found out once for each."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._of_folder = functools.cache(self._folder)

    def find(self, name: str) -> tuple[str, str | None]:
        """The path, and the split that a folder in the name says."""
        if os.sep != "/":
            name = name.replace(os.sep, "/")
        last = name[name.rfind("/") + 1 :]
        if last in ("", ".", ".."):
            return (self._home / name).as_posix(), None
        before, split = self._of_folder(name[: len(name) - len(last)])
        return before + last, split

    def _folder(self, name: str) -> tuple[str, str | None]:
        path = (self._home / name).as_posix()
        split = next((found for part in PurePosixPath(name).parts if (found := split_named(part))), None)
        return "" if path == "." else f"{path.rstrip('/')}/", split


def _row(line: Line, columns: Columns, place: str, split: str | None, places: _Places) -> Row:
    if line.fault is not None:
        return Row(place, "", split=split, reason="broken line", detail=line.fault)
    name, text = line.fields.get(columns.audio), line.fields.get(columns.text or "")
    if not isinstance(name, str) or not name.strip():
        return Row(place, "", split=split, reason="no file named", detail=f"nothing under {columns.audio!r}")
    if isinstance(text, list | dict):
        return Row(place, name, split=split, reason="broken line", detail=f"{columns.text!r} is not a text")
    named = _string(line.fields, columns.split)
    if named is not None and split_named(named) is None:
        return Row(place, name, split=named, reason="unknown split", detail="known are train, validation, test")
    said = _string(line.fields, columns.offset)
    try:
        offset, length = _piece(said, _string(line.fields, columns.seconds))
    except ValueError:
        return Row(place, name, split=split, reason="no such piece", detail="offset and duration are not seconds")
    path, inner = places.find(name)
    stem = _EXTENSION.sub("", path) + ("" if offset is None else f"@{said}")
    return Row(
        id=_string(line.fields, columns.id) or stem,
        name=path,
        text=_string(line.fields, columns.text),
        speaker=_string(line.fields, columns.speaker),
        split=split_named(named or "") or split or inner,
        offset=offset,
        length=length,
    )


def _piece(offset: str | None, duration: str | None) -> tuple[float | None, float | None]:
    """Offset and length in seconds. Without an offset the header knows the length better: manifests round it."""
    if offset is None:
        return None, None
    return float(offset), None if duration is None else float(duration)


def _string(fields: Mapping[str, object], column: str | None) -> str | None:
    value = None if column is None else fields.get(column)
    return None if value is None else str(value).strip() or None

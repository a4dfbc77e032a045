"""Rows that name a file each, to rows of the one table: where the file lies, how long it is, what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import datasets

from hf_speech_tl.audio import BadAudio
from hf_speech_tl.corpora.files import File, Progress, look_at
from hf_speech_tl.corpora.table import ReadRow, read_table
from hf_speech_tl.languages import Language

_END = 0.1  # seconds that a piece may ask for beyond the end of its recording: rounding in manifests


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a manifest: a recording by the name written there, or a piece of it in seconds.

    `reason` is set where the line itself is broken.
    """

    id: str
    name: str
    text: str | None = None
    speaker: str | None = None
    split: str | None = None
    offset: float | None = None
    length: float | None = None
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Listing:
    """A corpus folder as a layout finds it: its path, all files below it, the language wanted, the tier if named."""

    folder: Path
    files: Sequence[Path]
    language: Language
    tier: str | None = None


def is_unicode(*values: str | None) -> bool:
    """False where a lone surrogate stands in one of `values`, which Arrow does not take.

    That is a byte that was not UTF-8 in a name or a manifest, or half a pair in JSON.
    """
    try:
        for value in values:
            if value is not None:
                value.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_rows(rows: Sequence[Row], folder: Path, progress: Progress | None = None) -> datasets.Dataset:
    """`rows` with the columns of READ; names are relative to `folder`, and none may reach outside it.

    progress: hears how many of how many files have been looked at.
    """
    files = look_at(folder, dict.fromkeys(row.name for row in rows if row.reason is None), progress)
    return datasets.Dataset(read_table([_read(row, files.get(row.name)) for row in rows]))


def _read(row: Row, file: File | BadAudio | None) -> ReadRow:
    if not is_unicode(row.name, row.id, row.text, row.speaker, row.split):
        id_, text, speaker, split = (value and _escaped(value) for value in (row.id, row.text, row.speaker, row.split))
        return ReadRow(id_ or "", text, speaker, split, reason="not Unicode", detail=_escaped(row.name))
    words = row.id, row.text, row.speaker, row.split
    if row.reason is not None:
        return ReadRow(*words, reason=row.reason, detail=row.detail and _escaped(row.detail))
    if not isinstance(file, File):
        assert file is not None, "every row without a fault of its own was looked at"
        return ReadRow(*words, reason=file.reason, detail=_escaped(file.detail))
    if not is_unicode(file.path):
        return ReadRow(*words, reason="not Unicode", detail="a folder above has a name that is not UTF-8")
    if row.offset is None and row.length is None:
        return ReadRow(*words, path=file.path, seconds=file.seconds, digest=file.digest)
    offset, total = row.offset or 0.0, file.seconds
    seconds = total - offset if row.length is None else min(row.length, total - offset)
    if not (math.isfinite(offset + seconds) and offset >= 0 and (row.length is None or row.length > 0)):
        return ReadRow(*words, reason="no such piece", detail=f"offset {row.offset}, duration {row.length}")
    if offset >= total or (row.length is not None and offset + row.length > total + _END):
        return ReadRow(*words, reason="no such piece", detail=f"the recording ends at {total:.2f} s")
    return ReadRow(*words, path=file.path, offset=row.offset, length=row.length, seconds=seconds, digest=file.digest)


def _escaped(value: str) -> str:
    return value.encode("utf-8", "backslashreplace").decode()

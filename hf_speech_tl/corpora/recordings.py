"""Rows that name a file each, to rows of the one table: where the file lies, how long it is, what is wrong with it."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import datasets
import pyarrow as pa

from hf_speech_tl.audio import BadAudio, Header, read_header
from hf_speech_tl.corpora.table import READ
from hf_speech_tl.languages import Language

_THREADS = 8  # reading headers waits for the disk, not for the processor
_END = 0.1  # seconds that a piece may ask for beyond the end of its recording: rounding in manifests
_WHOLE = 1 << 18  # bytes: longer files are known by their size and three pieces, not read through


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class _File:
    path: Path
    header: Header
    digest: str


def inside(folder: Path, name: str) -> Path:
    """The file that `name` means in `folder`. Raises BadAudio where it lies elsewhere, symbolic links followed."""
    try:
        path = Path(os.path.realpath(folder / name))
    except ValueError as error:
        raise BadAudio("missing file", str(error)) from None
    if not path.is_relative_to(os.path.realpath(folder)):
        raise BadAudio("outside the corpus folder", name)
    return path


def content_digest(content: bytes) -> str:
    """A hash of a recording's bytes."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def is_unicode(*values: str | None) -> bool:
    """False where a lone surrogate stands in one of `values`, which Arrow does not take.

    That is a byte that was not UTF-8 in a name or a manifest, or half a pair in JSON.
    """
    return not any(0xD800 <= ord(letter) < 0xE000 for value in values if value for letter in value)


def read_rows(rows: Sequence[Row], folder: Path) -> datasets.Dataset:
    """`rows` with the columns of READ; names are relative to `folder`, and none may reach outside it."""
    names = list(dict.fromkeys(row.name for row in rows if row.reason is None))
    with ThreadPoolExecutor(_THREADS) as pool:
        files = dict(zip(names, pool.map(lambda name: _look(folder, name), names), strict=True))
    table = pa.Table.from_pylist([_read(row, files.get(row.name)) for row in rows], schema=READ)
    return datasets.Dataset(table)


def _look(folder: Path, name: str) -> _File | BadAudio:
    try:
        path = inside(folder, name)
        return _File(path, read_header(path), _file_digest(path))
    except BadAudio as fault:
        return fault


def _file_digest(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= _WHOLE:
            return content_digest(file.read())
        pieces = []
        for place in (0, size // 2, size - _WHOLE // 4):
            file.seek(place)
            pieces.append(file.read(_WHOLE // 4))
    return content_digest(b"".join([str(size).encode(), *pieces]))


def _read(row: Row, file: _File | BadAudio | None) -> dict[str, object]:
    strings = {"id": row.id, "text": row.text, "speaker": row.speaker, "split": row.split}
    if not is_unicode(row.name, *strings.values()):
        clean = {name: value and _escaped(value) for name, value in strings.items()}
        return {**clean, "reason": "not Unicode", "detail": _escaped(row.name)}
    if row.reason is not None:
        return {**strings, "reason": row.reason, "detail": row.detail and _escaped(row.detail)}
    if isinstance(file, BadAudio) or file is None:
        return {**strings, "reason": file and file.reason, "detail": file and _escaped(file.detail)}
    if not is_unicode(str(file.path)):
        return {**strings, "reason": "not Unicode", "detail": "a folder above has a name that is not UTF-8"}
    offset, total = row.offset or 0.0, file.header.seconds
    seconds = total - offset if row.length is None else min(row.length, total - offset)
    if not (math.isfinite(offset + seconds) and offset >= 0 and (row.length is None or row.length > 0)):
        return {**strings, "reason": "no such piece", "detail": f"offset {row.offset}, duration {row.length}"}
    if offset >= total or (row.length is not None and offset + row.length > total + _END):
        return {**strings, "reason": "no such piece", "detail": f"the recording ends at {total:.2f} s"}
    place = {"bytes": None, "path": str(file.path), "offset": row.offset, "length": row.length}
    return {**strings, "audio": place, "seconds": seconds, "digest": file.digest}


def _escaped(value: str) -> str:
    return value.encode("utf-8", "backslashreplace").decode()

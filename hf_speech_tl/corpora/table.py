"""The one table that every corpus becomes, whatever its layout: rows of text and audio that nothing has decoded yet."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import numpy as np
import pyarrow as pa

from hf_speech_tl.audio import decode, to_pulses
from hf_speech_tl.corpora.embedded import read_bytes, read_placed, read_row
from hf_speech_tl.corpora.skipped import Skipped

# A plain struct rather than datasets.Audio: that type decodes through torchcodec, which needs a system FFmpeg.
_AUDIO = pa.struct(
    [
        ("bytes", pa.binary()),
        ("path", pa.string()),
        ("offset", pa.float64()),  # seconds
        ("length", pa.float64()),
        ("start", pa.int64()),  # bytes
        ("size", pa.int64()),
        ("group", pa.int32()),  # of a Parquet file
        ("row", pa.int32()),
        ("begin", pa.int64()),  # bytes, of a row group of a shard: `group`, where `row` is null
        ("end", pa.int64()),
    ]
)
# What a reader of a layout hands over. `digest` stands for the content of the audio; `reason` is null for a good row.
READ = pa.schema(
    [
        ("id", pa.string()),
        ("audio", _AUDIO),
        ("text", pa.string()),
        ("speaker", pa.string()),
        ("seconds", pa.float64()),
        ("split", pa.string()),
        ("digest", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)


class ReadRow(NamedTuple):
    """One row of READ. The audio is `content`, or the file `path`, or the `size` bytes of it from `start` on, or what
    `row` of its row group `group` holds; of this, `length` seconds from `offset` on.

    In a shard, `begin` and `end` are where the recordings of its row group are: what is read at once from far away."""

    id: str
    text: str | None
    speaker: str | None
    split: str | None
    content: bytes | None = None
    path: str | None = None
    offset: float | None = None
    length: float | None = None
    start: int | None = None
    size: int | None = None
    group: int | None = None
    row: int | None = None
    begin: int | None = None
    end: int | None = None
    seconds: float | None = None
    digest: str | None = None
    reason: str | None = None
    detail: str | None = None


_PIECE = 8_192  # rows
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Recordings:
    """All rows of one source, good and bad, with the columns of READ; the licences its README names; how it was read.

    tiered: whether it has tiers of which one was chosen. content: a hash of all rows, where they are shards: then each
    is good, once there, and in a split, and splits follow each other.
    """

    rows: datasets.Dataset
    licenses: tuple[str, ...] = ()
    note: str | None = None
    tiered: bool = False
    content: str | None = None


@dataclass(frozen=True)
class Corpus:
    """Three splits of the one table, and what a reader of the results must know about them.

    Columns: id, audio {bytes, path, offset (seconds), length (seconds), start (bytes), size (bytes), group, row, begin
    (bytes), end (bytes)}, text, speaker, seconds, source, lang; after `screen` also transcript. `names` are those of
    the sources, `languages` the tags of theirs, and `weights` how often an epoch holds a training row of each.
    `fingerprint` is a hash of the content, the same wherever the files lie; `notes` say what was done about splits.
    `heard` are the splits of which every recording has been decoded. `written` has the units of a source by its name,
    where it has some of its own.
    """

    train: datasets.Dataset
    validation: datasets.Dataset
    test: datasets.Dataset
    skipped: tuple[Skipped, ...]
    licenses: tuple[str, ...]
    names: tuple[str, ...]
    languages: tuple[str, ...]
    weights: tuple[float, ...]
    fingerprint: str
    notes: tuple[str, ...]
    heard: tuple[str, ...] = ()
    written: Mapping[str, str] = field(default_factory=dict)

    @property
    def weighted(self) -> bool:
        """Whether an epoch is anything else than every training row once."""
        return any(weight != 1 for weight in self.weights)


def read_table(rows: Sequence[ReadRow]) -> pa.Table:
    """`rows` as a table with the columns of READ."""
    columns = dict(zip(ReadRow._fields, zip(*rows, strict=True) if rows else [()] * len(ReadRow._fields), strict=True))
    columns["bytes"] = columns["content"]
    audio = pa.StructArray.from_arrays(
        [pa.array(columns[field.name], field.type) for field in _AUDIO], fields=list(_AUDIO)
    )
    return pa.Table.from_arrays(
        [audio if field.name == "audio" else pa.array(columns[field.name], field.type) for field in READ], schema=READ
    )


def samples(row_audio: Mapping[str, object]) -> np.ndarray:
    """Decodes the audio of one row, float32 `(samples,)` at 16 kHz. Raises BadAudio."""
    offset, length = row_audio["offset"], row_audio["length"]
    return decode(
        _file_of(row_audio),
        offset=offset if isinstance(offset, float) else 0.0,
        length=length if isinstance(length, float) else None,
    )


def as_file(row_audio: Mapping[str, object]) -> bytes | None:
    """The file of one row's audio as it is; None where that is a piece of one, which only decoding cuts out.

    Raises BadAudio.
    """
    if row_audio["offset"] is not None or row_audio["length"] is not None:
        return None
    file = _file_of(row_audio)
    return file if isinstance(file, bytes) else read_bytes(str(file), 0, -1)


def _file_of(row_audio: Mapping[str, object]) -> bytes | Path:
    content, path = row_audio["bytes"], row_audio["path"]
    start, size, group, row = (row_audio.get(name) for name in ("start", "size", "group", "row"))
    begin, end = row_audio.get("begin"), row_audio.get("end")
    if isinstance(start, int) and isinstance(size, int):
        if isinstance(begin, int) and isinstance(end, int):
            return read_placed(str(path), start, size, begin, end)
        return read_bytes(str(path), start, size)
    if isinstance(group, int) and isinstance(row, int):
        return read_row(str(path), group, row)
    return content if isinstance(content, bytes) else Path(str(path))


def pulses(row_audio: Mapping[str, object]) -> np.ndarray:
    """The same in 16 bits, by which a clip is known and kept: `(samples,)` int16. Raises BadAudio."""
    return to_pulses(samples(row_audio))


def column(rows: datasets.Dataset, name: str) -> list[Any]:
    """A column's values. Dataset's own way takes a selection's rows one by one, ten times as slow."""
    values, selection = rows.data.column(name), rows._indices
    return (values if selection is None else values.take(selection.column(0))).to_pylist()


def select(rows: datasets.Dataset, places: np.ndarray) -> datasets.Dataset:
    """The rows at `places`, as a list of numbers in memory; Dataset's own way takes a hash of that list."""
    return rows.select(places, keep_in_memory=True, new_fingerprint=uuid.uuid4().hex)


def without(rows: datasets.Dataset, ids: Collection[str]) -> datasets.Dataset:
    """`rows` without those that have one of these ids."""
    if not ids:
        return rows
    return select(rows, np.array([at for at, name in enumerate(column(rows, "id")) if name not in ids], np.int64))


def digest(lines: Iterable[Sequence[object]]) -> str:
    """A hash of rows of plain values, the same on every machine."""
    state = hashlib.blake2b(digest_size=16)
    for line in lines:
        state.update(repr(line).encode("utf-8", "backslashreplace"))
    return state.hexdigest()


def with_same(rows: datasets.Dataset, values: Mapping[str, str]) -> datasets.Dataset:
    """All of a table's `rows`, with columns of strings beside their own that have the same value in each.

    What they hold in memory is a byte or two a row.
    """
    width = len(rows)
    assert rows._indices is None, "all rows, and not some"
    # Of one value for a thousand rows, over and over: slices of the same memory.
    columns = {}
    for name, value in values.items():
        piece = pa.array([value] * _PIECE, pa.string())
        pieces = [piece.slice(0, min(_PIECE, width - at)) for at in range(0, width, _PIECE)]
        columns[name] = pa.chunked_array(pieces, pa.string())
    beside = datasets.table.InMemoryTable(pa.table(columns))
    return datasets.Dataset(datasets.table.concat_tables([rows.data, beside], axis=1), fingerprint=uuid.uuid4().hex)


def with_columns(rows: datasets.Dataset, columns: Mapping[str, Sequence[str | None]]) -> datasets.Dataset:
    """`rows` with columns of strings beside its own, a value a row.

    Dataset.add_column would copy the audio of a selection of rows: here only the new columns are held in memory.
    """
    table, selection = rows.data, rows._indices
    width = len(table)
    if not width:  # concat_tables takes no table of no rows
        schema = pa.schema([*table.schema.remove_metadata(), *((name, pa.string()) for name in columns)])
        return datasets.Dataset(datasets.table.InMemoryTable(schema.empty_table()))
    places = range(width) if selection is None else selection.column(0).to_pylist()
    beside = {}
    for name, values in columns.items():
        column: list[str | None] = [None] * width
        for place, value in zip(places, values, strict=True):
            column[place] = value
        beside[name] = pa.array(column, pa.string())
    table = datasets.table.concat_tables([table, datasets.table.InMemoryTable(pa.table(beside))], axis=1)
    return datasets.Dataset(
        table,
        indices_table=selection,
        fingerprint=uuid.uuid4().hex,
    )

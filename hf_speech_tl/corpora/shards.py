"""A folder of shards: what `prepare` writes, and by what it is known.

`shards.json` lists the shards with their rows, seconds and bytes; `index.arrow` holds all rows but for their audio,
with the places of that in the shards: who opens the folder, on a disk or far away, reads these two files and no shard.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from hf_speech_tl.corpora.shard import PlacedRow
from hf_speech_tl.corpora.sources import LISTED
from hf_speech_tl.errors import DataError

INDEX = "index.arrow"
_VERSION = 1
_ROWS = 8_192  # of the index, in memory at once
_INDEX = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("speaker", pa.string()),
        ("seconds", pa.float64()),
        ("lang", pa.string()),
        ("source", pa.string()),
        ("digest", pa.string()),
        ("start", pa.int64()),
        ("size", pa.int64()),
        ("group", pa.int32()),
        ("begin", pa.int64()),
        ("end", pa.int64()),
        ("shard", pa.int32()),
    ]
)


@dataclass(frozen=True)
class Shard:
    """file: its name in the folder; size: bytes."""

    file: str
    split: str
    rows: int
    seconds: float
    size: int


@dataclass(frozen=True)
class Shards:
    """key: of the recordings and settings that they were made of. fingerprint: a hash of all rows and their audio.

    audio: as it was written: flac, opus or keep. sources: the names of what they were made of; languages: their tags;
    skipped: how many recordings were left out. index: bytes of the index.
    """

    key: str
    fingerprint: str
    audio: str
    sources: tuple[str, ...]
    languages: tuple[str, ...]
    licenses: tuple[str, ...]
    skipped: int
    index: int
    shards: tuple[Shard, ...]


def shard_name(split: str, number: int, count: int) -> str:
    """As `datasets` and the Hub name the files of a split."""
    return f"{split}-{number:05d}-of-{count:05d}.parquet"


def write_index(path: Path, shards: Iterable[Iterable[PlacedRow]]) -> None:
    """Write the index of the shards that have these rows, compressed, a piece at a time."""
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, _INDEX, options=options) as writer:
        for number, rows in enumerate(shards):
            own = [(*row, number) for row in rows]
            columns = zip(*own, strict=True) if own else [()] * len(_INDEX)
            arrays = [pa.array(values, kind) for values, kind in zip(columns, _INDEX.types, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=_INDEX), _ROWS)


def read_index(source: Path) -> Iterator[pa.RecordBatch]:
    """The index in a file, a piece at a time. Raises DataError where it is none."""
    try:
        with pa.OSFile(str(source), "rb") as file, pa.ipc.open_stream(file) as reader:
            if reader.schema != _INDEX:
                raise DataError(f"{source.name} is not the index of shards.")
            yield from reader
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{source.name} cannot be read: {str(error).splitlines()[0]}") from error


def write_shards(shards: Shards, folder: Path) -> None:
    """Write shards.json, whole or not at all: with it the folder is complete."""
    half = folder / f"{LISTED}.part"
    half.write_text(json.dumps({"version": _VERSION, **asdict(shards)}, ensure_ascii=False, indent=1) + "\n", "utf-8")
    os.replace(half, folder / LISTED)


def parse_shards(text: str | bytes, where: str) -> Shards:
    """What shards.json says; `where` names it. Raises DataError where it is damaged, or of another version."""
    try:
        values = json.loads(text)
        if values.pop("version") == _VERSION:
            return _read(values)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(
            f"{where} is damaged ({type(error).__name__}). Write the shards anew with `prepare`."
        ) from error
    raise DataError(f"{where} is of another version of this package. Write the shards anew with `prepare`.")


def _read(values: dict[str, Any]) -> Shards:
    lists = {name: tuple(values[name]) for name in ("sources", "languages", "licenses")}
    shards = tuple(Shard(**one) for one in values["shards"])
    if any(Path(one.file).name != one.file for one in shards):
        raise ValueError("a shard elsewhere")
    return Shards(**{**values, **lists, "shards": shards})

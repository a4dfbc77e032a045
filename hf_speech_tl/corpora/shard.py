"""One shard: a Parquet file of recordings, each of which lies in one piece, at a place that is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from hf_speech_tl.corpora.embedded import PREFIX
from hf_speech_tl.corpora.files import content_digest
from hf_speech_tl.errors import RunError

# Bytes of audio in a row group, which other readers of Parquet hold in memory at once.
_GROUP = 4_000_000
_PAGE = 1 << 30  # bytes, more than a row group has: its audio is one page
_FEATURES = datasets.Features(
    {
        "id": datasets.Value("string"),
        "audio": datasets.Audio(),
        "text": datasets.Value("string"),
        "speaker": datasets.Value("string"),
        "seconds": datasets.Value("float64"),
        "lang": datasets.Value("string"),
        "source": datasets.Value("string"),
    }
)
_BYTES = "audio.bytes"
_WORDS = ("id", "audio.path", "text", "speaker", "lang", "source")


class ShardRow(NamedTuple):
    """A recording on its way into a shard: the bytes of a file of the kind `suffix` (".flac"), and what is known."""

    id: str
    content: bytes
    suffix: str
    text: str | None
    speaker: str | None
    seconds: float
    lang: str
    source: str


class PlacedRow(NamedTuple):
    """What the index has of a recording: a hash by which it is known, where its bytes lie in the shard, and the number
    of its row group, all of whose recordings are the bytes `begin` to `end`."""

    id: str
    text: str | None
    speaker: str | None
    seconds: float
    lang: str
    source: str
    digest: str
    start: int
    size: int
    group: int
    begin: int
    end: int


def write_shard(path: Path, rows: Iterable[ShardRow]) -> list[PlacedRow]:
    """Write a shard, with no more than a row group of audio in memory; returns where each recording lies."""
    schema = _FEATURES.arrow_schema
    written: list[PlacedRow] = []
    with pq.ParquetWriter(
        path,
        schema,
        compression={**dict.fromkeys((*_WORDS, "seconds"), "zstd"), _BYTES: "none"},
        use_dictionary=list(_WORDS),
        write_statistics=["seconds"],
        data_page_size=_PAGE,
        max_rows_per_page=_PAGE,
    ) as writer:
        for group in _groups(rows):
            columns = {name: [getattr(row, name) for row in group] for name in schema.names if name != "audio"}
            columns["audio"] = [{"bytes": row.content, "path": f"{_plain(row.id)}{row.suffix}"} for row in group]
            writer.write_table(pa.table(columns, schema), row_group_size=len(group))
            written += map(_known, group)
    return _placed(path, written)


def _groups(rows: Iterable[ShardRow]) -> Iterator[list[ShardRow]]:
    group: list[ShardRow] = []
    held = 0
    for row in rows:
        held += len(row.content)
        if group and held > _GROUP:
            yield group
            group, held = [], len(row.content)
        group.append(row)
    if group:
        yield group


def _plain(name: str) -> str:
    """A name of a file for whoever unpacks the shard: no folder of theirs, nor a device."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name).lstrip(".") or "_"


def _known(row: ShardRow) -> PlacedRow:
    digest = content_digest(lambda start, count: row.content[start : start + count], len(row.content))
    size = len(row.content)
    return PlacedRow(row.id, row.text, row.speaker, row.seconds, row.lang, row.source, digest, 0, size, 0, 0, 0)


def _placed(path: Path, rows: Sequence[PlacedRow]) -> list[PlacedRow]:
    """`rows` with their places: a row group's recordings are the end of its only page, each behind its length.

    Raises RunError where that is not how they were written: then another version of pyarrow does it in another way.
    """
    placed: list[PlacedRow] = []
    metadata = pq.read_metadata(path)
    with path.open("rb") as file:
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            chunk = next(one for one in map(group.column, range(group.num_columns)) if one.path_in_schema == _BYTES)
            own = rows[len(placed) : len(placed) + group.num_rows]
            end = chunk.data_page_offset + chunk.total_compressed_size
            at = begin = end - sum(PREFIX + row.size for row in own)
            for row in own:
                file.seek(at)
                if file.read(PREFIX) != row.size.to_bytes(PREFIX, "little"):
                    raise RunError(
                        f"{path.name}: this pyarrow ({pa.__version__}) lays recordings out in an unknown way. Install "
                        "another, such as that of constraints.txt."
                    )
                placed.append(row._replace(start=at + PREFIX, group=number, begin=begin, end=end))
                at += PREFIX + row.size
    return placed

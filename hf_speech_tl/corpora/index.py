"""What is known of a folder's files from an earlier look, so that the next run need not open them.

One Arrow file a folder in the cache of `datasets`. It only ever saves time: what is torn, stale or cannot be written is
done without.
"""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import datasets
import pyarrow as pa

from hf_speech_tl.corpora.table import digest

_LAYOUT = 1  # a new number when headers are read, or digests made, in another way
_WORTH = 1_000  # files: fewer are looked at again in a moment
_COLUMNS = pa.schema(
    [
        ("path", pa.string()),
        ("size", pa.int64()),
        ("changed", pa.int64()),
        ("seconds", pa.float64()),
        ("digest", pa.string()),
    ]
)


class Entry(NamedTuple):
    """Size in bytes and time of the last change in nanoseconds, by which a file is known again; seconds and digest."""

    size: int
    changed: int
    seconds: float
    digest: str


class Index:
    """known: what was found out earlier, by path; new: what this run found out, which `save` adds to it."""

    def __init__(self, folder: Path) -> None:
        key = digest([(_LAYOUT, os.path.realpath(folder))])
        self._file = Path(datasets.config.HF_DATASETS_CACHE) / "hf_speech_tl" / f"{key}.index.arrow"
        self.known: dict[str, Entry] = {}
        self.new: dict[str, Entry] = {}
        with suppress(OSError, pa.ArrowException, UnicodeDecodeError), pa.memory_map(str(self._file)) as source:
            table = pa.ipc.open_stream(source).read_all()
            if table.schema == _COLUMNS:
                paths, *columns = (column.to_pylist() for column in table.columns)
                self.known = dict(zip(paths, map(Entry, *columns), strict=True))

    def save(self) -> None:
        """Write it beside and rename it, so that of two processes each finds a whole one."""
        if len(self.new) < _WORTH:
            return
        half = self._file.with_suffix(f".{uuid.uuid4().hex}.tmp")
        try:
            entries = self.known | self.new
            table = pa.Table.from_arrays(
                [pa.array(values, kind) for values, kind in zip(_transposed(entries), _COLUMNS.types, strict=True)],
                schema=_COLUMNS,
            )
            half.parent.mkdir(parents=True, exist_ok=True)
            with pa.OSFile(str(half), "wb") as sink, pa.ipc.new_stream(sink, _COLUMNS) as writer:
                writer.write_table(table)
            os.replace(half, self._file)
        except (OSError, UnicodeEncodeError):  # no room, no right to write, or a path that is not UTF-8
            pass
        finally:
            with suppress(OSError):
                half.unlink()


def _transposed(entries: dict[str, Entry]) -> list[tuple[object, ...]]:
    return [tuple(entries), *zip(*entries.values(), strict=True)]

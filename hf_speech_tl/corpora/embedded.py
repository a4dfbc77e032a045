"""Recordings inside other files: some bytes of a file, a row in a row group of a Parquet file, a place in a shard."""

from __future__ import annotations

import functools

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hf_speech_tl.audio import BadAudio
from hf_speech_tl.corpora.columns import audio_column
from hf_speech_tl.corpora.remote import Span, changed, is_url, read_part
from hf_speech_tl.errors import RunError

SMALL_GROUP = 8_000_000  # bytes of audio in a row group: to read so many costs less than to decode one clip of it
PREFIX = 4  # bytes before each recording in a shard, that say how long it is
_GROUPS = 4  # held in memory


def read_bytes(path: str, start: int, size: int) -> bytes:
    """`size` bytes of a file, all that follow where it is -1. Raises BadAudio where it cannot be read."""
    try:
        with open(path, "rb", buffering=0) as file:
            file.seek(start)
            return file.read(size)
    except OSError as error:
        raise BadAudio("missing file", f"{path}: {error.strerror or error}") from None


def read_placed(path: str, start: int, size: int, begin: int, end: int) -> bytes:
    """The recording of `size` bytes from `start` on in a shard, on the disk or at an address.

    Raises BadAudio where a shard on the disk has gone or was changed. One far away is no fault of the recording:
    RunError.
    """
    if is_url(path):
        content = read_part(span_of(path, start, size), Span(path, begin, end))
    else:
        content = read_bytes(path, start - PREFIX, PREFIX + size)
    # Its length stands before each recording.
    if int.from_bytes(content[:PREFIX], "little") == size == len(content) - PREFIX:
        return content[PREFIX:]
    if is_url(path):
        raise RunError(changed(path))
    raise BadAudio("changed shard", f"{path}: another recording stands there")


def span_of(url: str, start: int, size: int) -> Span:
    """What to fetch of a shard for one recording: its length, which stands before it, too."""
    return Span(url, start - PREFIX, start + size)


def read_row(path: str, group: int, row: int) -> bytes:
    """The recording in a row of a Parquet file's row group. Raises BadAudio where it cannot be read."""
    try:
        content = _group(path, group)[row].as_py()
    except (OSError, pa.ArrowException, IndexError) as error:
        raise BadAudio("missing file", f"{path}: {str(error).splitlines()[0]}") from None
    return content if isinstance(content, bytes) else b""


def bytes_of(cells: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The column of bytes in a column of audio, which may be a struct of bytes and path; nulls where it has none."""
    if not pa.types.is_struct(cells.type):
        return cells
    return pc.struct_field(cells, "bytes") if cells.type.get_field_index("bytes") >= 0 else pa.nulls(len(cells))


@functools.lru_cache(_GROUPS)
def _group(path: str, group: int) -> pa.ChunkedArray:
    parquet = pq.ParquetFile(path, memory_map=True)
    audio = audio_column(parquet.schema_arrow.names)
    return bytes_of(parquet.read_row_group(group, columns=[audio], use_threads=False).column(0))

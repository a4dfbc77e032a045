"""Recordings inside other files: some bytes of a file, or a row in a row group of a Parquet file."""

from __future__ import annotations

import functools

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hf_speech_tl.audio import BadAudio
from hf_speech_tl.corpora.columns import audio_column

SMALL_GROUP = 8_000_000  # bytes of audio in a row group: to read so many costs less than to decode one clip of it
_GROUPS = 4  # held in memory


def read_bytes(path: str, start: int, size: int) -> bytes:
    """`size` bytes of a file, all that follow where it is -1. Raises BadAudio where it cannot be read."""
    try:
        with open(path, "rb", buffering=0) as file:
            file.seek(start)
            return file.read(size)
    except OSError as error:
        raise BadAudio("missing file", f"{path}: {error.strerror or error}") from None


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

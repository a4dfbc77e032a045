"""Parquet files with the recordings inside, as `datasets` writes them and the Hub keeps them.

What there is to know of a file's rows is laid out once as Arrow in the cache of `datasets`, which can be mapped row by
row as Parquet cannot. The audio stays where it is: a row names the bytes of its recording in the Parquet file itself.
Where compression has changed or broken them up, it names the row group; only where that is large they are copied.
"""

from __future__ import annotations

import math
import mmap
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeGuard

import datasets
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hf_speech_tl.audio import BadAudio, plain_header, read_header
from hf_speech_tl.corpora.columns import Columns, find_columns
from hf_speech_tl.corpora.embedded import SMALL_GROUP, bytes_of
from hf_speech_tl.corpora.files import File, Progress, content_digest, look_at
from hf_speech_tl.corpora.licence import licences_beside
from hf_speech_tl.corpora.splits import split_named, split_of_file
from hf_speech_tl.corpora.table import READ, ReadRow, Recordings, digest, read_table
from hf_speech_tl.errors import DataError

_LAYOUT = 3  # of the cached file: a new number when what is written below changes
_ROWS = 128  # read at once: some tens of megabytes of uncompressed audio
_CHECKED = 4  # recordings of a row group, whose seconds are compared with their headers
_OFF = 0.05  # of a recording's length, that a column of seconds may be off, and at least as many seconds
_MARK = 64  # bytes at the start of a recording, by which it is looked for
_AROUND = 4_096  # bytes between two recordings: their lengths, headers of pages and of compressed blocks
_MISSES = 8  # recordings in a row that are not there as they are: then nor are the others of the row group
_WORTH_A_NOTE = 100  # MB
_UNREADABLE = "unreadable Parquet file"


def read_parquet(
    path: Path, text_column: str | None, progress: Progress | None = None, *, labelled: bool = True
) -> Recordings:
    """The recordings of a Parquet file, or of all in a folder; splits by a column `split`, else by file name.

    Unless `labelled`, there need be no transcripts.
    """
    if path.is_file():
        files, folder = [path], path.parent
    else:
        # As find_source looks for them: of any case, and no folder of such a name, as Spark makes them.
        found = (file for file in path.rglob("*") if file.suffix.lower() == ".parquet" and not file.is_dir())
        files, folder = sorted(file for file in found if not file.name.startswith(".")), path
    rows = read_parquet_files(files, folder, text_column, progress, labelled=labelled)
    return Recordings(rows, licences_beside(path), note_on(rows))


def read_parquet_files(
    files: Sequence[Path],
    folder: Path,
    text_column: str | None,
    progress: Progress | None = None,
    *,
    labelled: bool = True,
) -> datasets.Dataset:
    """The rows of `files`, with the columns of READ; below `folder` their names say which split they are.

    A file that cannot be read is one row with that reason; where more than half are such, DataError.
    """
    laid_out, unreadable = [], []
    for done, file in enumerate(files, start=1):
        try:
            laid_out.append(datasets.Dataset.from_file(str(_arrow_of(file, folder, text_column, labelled))))
        except _UnreadableError as error:
            unreadable.append(error)
            within = file.relative_to(folder)
            row = ReadRow(within.as_posix(), None, None, split_of_file(within), reason=_UNREADABLE, detail=str(error))
            laid_out.append(datasets.Dataset(read_table([row])))
        if progress:
            progress(done, len(files))
    if 2 * len(unreadable) > len(files):
        raise unreadable[0]
    return datasets.concatenate_datasets(laid_out)


def note_on(rows: datasets.Dataset) -> str | None:
    """A word on files that cannot be read, whose rows nobody can count, and on audio that is in the cache as well,
    where that is much."""
    notes = []
    if lost := rows["reason"][:].count(_UNREADABLE):
        notes.append(f"{lost} Parquet file{'s' * (lost > 1)} cannot be read, and nothing of what is in there is used")
    copied = pc.sum(pc.binary_length(pc.struct_field(rows.data.column("audio"), "bytes"))).as_py() or 0
    if copied >= _WORTH_A_NOTE * 1e6:
        notes.append(
            f"{copied / 1e6:.0f} MB of audio that is compressed in its Parquet files lie in the cache as well; "
            "to_parquet of datasets 5.2 leaves audio uncompressed, and then nothing is copied"
        )
    return "; ".join(notes) or None


def _arrow_of(file: Path, folder: Path, text_column: str | None, labelled: bool) -> Path:
    """The Arrow file in the cache that holds the rows of `file`, written now if it is not there yet."""
    state = file.stat()
    split = split_of_file(file.relative_to(folder))
    # Rows that were read without transcripts must not answer for labelled ones, whose lack of a column is an error.
    kind = (text_column, split) if labelled else (text_column, split, "unlabelled")
    key = digest([(_LAYOUT, os.path.realpath(file), state.st_size, state.st_mtime_ns, *kind)])
    cached = Path(datasets.config.HF_DATASETS_CACHE) / "hf_speech_tl" / f"{key}.arrow"
    if cached.exists():
        return cached
    half = cached.with_suffix(f".{uuid.uuid4().hex}.tmp")
    with _reading(file):
        parquet = pq.ParquetFile(file)
    columns = find_columns(parquet.schema_arrow.names, file.name, text_column, labelled=labelled)
    try:
        half.parent.mkdir(parents=True, exist_ok=True)
        with pa.OSFile(str(half), "wb") as sink, pa.ipc.new_stream(sink, READ) as writer:
            for table in _tables(parquet, columns, file, split):
                writer.write_table(table)
        os.replace(half, cached)  # whole or not at all, also when two processes write it
    except OSError as error:
        raise DataError(
            f"{cached.parent} cannot take the rows of {file.name}: {error.strerror or error}. "
            "Free some space, or name another folder with HF_DATASETS_CACHE."
        ) from error
    finally:
        with suppress(OSError):
            half.unlink()
    return cached


class _UnreadableError(DataError):
    """A file that is no Parquet, or not all there."""


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """What goes wrong here is the file's fault, not that of the disk that the rows are written to."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise _UnreadableError(f"{file.name} cannot be read as Parquet: {str(error).splitlines()[0]}") from error


def _tables(parquet: pq.ParquetFile, columns: Columns, file: Path, split: str | None) -> Iterator[pa.Table]:
    # A column `duration` may as well count milliseconds; the header knows.
    if columns.seconds != "seconds" or not _is_true(parquet, columns, file):
        columns = replace(columns, seconds=None)
    names = (columns.audio, columns.text, columns.id, columns.speaker, columns.seconds, columns.split)
    before = 0
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for group in range(parquet.num_row_groups):
            chunk, first = _Chunk(content, parquet.metadata, group, before, columns.audio), 0
            batches = parquet.iter_batches(_ROWS, [group], [name for name in names if name is not None])
            while True:
                with _reading(file):
                    batch = next(batches, None)
                if batch is None:
                    break
                yield read_table(_rows(batch, columns, file, split, first, chunk))
                first += len(batch)
            before += first


def _is_true(parquet: pq.ParquetFile, columns: Columns, file: Path) -> bool:
    """Whether the seconds of the first recordings of each row group are those of their headers."""
    for group in range(parquet.num_row_groups):
        with _reading(file):
            batch = next(parquet.iter_batches(_CHECKED, [group], [columns.audio, "seconds"]), None)
        if batch is None:
            continue
        contents, _ = _audio(batch.column(columns.audio))
        for content, said in zip(contents, batch.column("seconds").to_pylist(), strict=True):
            length = _length(content) if content and _is_length(said) else None
            if isinstance(length, float) and abs(length - said) > _OFF * max(1.0, length):
                return False
    return True


class _Chunk:
    """The audio of a row group as it stands in the file, in which recordings are found again one after another."""

    def __init__(self, content: mmap.mmap, metadata: pq.FileMetaData, group: int, before: int, audio: str) -> None:
        """before: how many rows of the file stand in earlier groups; audio: the name of the column."""
        self.group, self.before, self._content = group, before, content
        leaves = [metadata.row_group(group).column(at) for at in range(metadata.num_columns)]
        leaf = next((leaf for leaf in leaves if leaf.path_in_schema in (audio, f"{audio}.bytes")), None)
        self._at, self._passed, self._misses = 0, 0, 0 if leaf else _MISSES
        if leaf:
            pages = leaf.data_page_offset, leaf.dictionary_page_offset
            self._at = min(page for page in pages if page is not None)
            self._end = self._at + leaf.total_compressed_size
        self.small = leaf is not None and leaf.total_uncompressed_size <= SMALL_GROUP

    def find(self, recording: bytes) -> int | None:
        """Where in the file its bytes are, all and in a row; None where they are not."""
        if self._misses == _MISSES:
            return None
        self._passed += len(recording)
        near = min(self._end, self._at + self._passed + _AROUND * (1 + self._misses))
        at = self._content.find(recording[:_MARK], self._at, near)
        if at < 0 or self._content[at : at + len(recording)] != recording:
            self._misses += 1
            return None
        self._at, self._passed, self._misses = at + len(recording), 0, 0
        return at


def _rows(
    batch: pa.RecordBatch, columns: Columns, file: Path, split: str | None, first: int, chunk: _Chunk
) -> list[ReadRow]:
    """The rows of a batch, which begins at row `first` of its row group."""

    def values(column: str | None) -> list[object]:
        return [None] * len(batch) if column is None else batch.column(column).to_pylist()

    path = os.path.realpath(file)
    contents, names = _audio(batch.column(columns.audio))
    beside = [name for content, name in zip(contents, names, strict=True) if content is None and name]
    files = look_at(file.parent, dict.fromkeys(beside))
    rows: list[ReadRow] = []
    for content, name, id_, text, speaker, named, said in zip(
        contents,
        names,
        *(values(column) for column in (columns.id, columns.text, columns.speaker, columns.split, columns.seconds)),
        strict=True,
    ):
        number = chunk.before + first + len(rows) + 1
        row = ReadRow(
            _string(id_) or (Path(name).stem if name else None) or f"{file.stem}-{number}",
            _string(text),
            _string(speaker),
            split_named(_string(named) or "") or split,
        )
        found = _length(content, said) if content is not None else files.get(name) if name else None
        if isinstance(found, float) and content is not None:
            row = row._replace(seconds=found, digest=_digest(content))
            # The path beside the bytes is a name on somebody else's disk.
            if (start := chunk.find(content)) is not None:
                rows.append(row._replace(path=path, start=start, size=len(content)))
            elif chunk.small:
                rows.append(row._replace(path=path, group=chunk.group, row=first + len(rows)))
            else:
                rows.append(row._replace(content=content))
        elif isinstance(found, File):
            rows.append(row._replace(path=found.path, seconds=found.seconds, digest=found.digest))
        else:
            fault = found if isinstance(found, BadAudio) else BadAudio("missing file", "neither bytes nor a path")
            rows.append(row._replace(reason=fault.reason, detail=fault.detail))
    return rows


def _audio(cells: pa.Array) -> tuple[list[bytes | None], list[str | None]]:
    """The bytes in the cells of the audio column, and the paths."""
    contents = bytes_of(cells).to_pylist()
    if not pa.types.is_struct(cells.type):
        names = contents
    elif cells.type.get_field_index("path") >= 0:
        names = pc.struct_field(cells, "path").to_pylist()
    else:
        names = [None] * len(cells)
    return (
        [content if isinstance(content, bytes) else None for content in contents],
        [name if isinstance(name, str) else None for name in names],
    )


def _length(content: bytes, said: object = None) -> float | BadAudio:
    """Seconds of a recording: what a column says, where it does, else what its header says."""
    if content and _is_length(said):
        return float(said)
    try:
        return (plain_header(_reader(content), len(content)) or read_header(content)).seconds
    except BadAudio as fault:
        return fault


def _is_length(said: object) -> TypeGuard[float]:
    return isinstance(said, int | float) and 0 < said < math.inf


def _digest(content: bytes) -> str:
    return content_digest(_reader(content), len(content))


def _reader(content: bytes) -> Callable[[int, int], bytes]:
    return lambda start, count: content[start : start + count]


def _string(value: object) -> str | None:
    return None if value is None or value == "" else str(value)

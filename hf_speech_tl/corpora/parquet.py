"""Parquet files with the recordings inside, as `datasets` writes them and the Hub keeps them.

Parquet cannot be memory-mapped row by row, so each file is laid out once as Arrow in the cache of `datasets`, its audio
as it stands; from then on it is read from there.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from hf_speech_tl.audio import BadAudio, read_header
from hf_speech_tl.corpora.columns import Columns, find_columns
from hf_speech_tl.corpora.files import content_digest, inside
from hf_speech_tl.corpora.licence import licence_beside
from hf_speech_tl.corpora.splits import split_named, split_of_file
from hf_speech_tl.corpora.table import READ, Recordings, digest
from hf_speech_tl.errors import DataError

_LAYOUT = 1  # of the cached file: a new number when what is written below changes
_ROWS = 128  # read at once: some tens of megabytes of uncompressed audio
_THREADS = 4


def read_parquet(path: Path, text_column: str | None) -> Recordings:
    """The recordings of a Parquet file, or of all in a folder; splits by a column `split`, else by file name."""
    if path.is_file():
        return Recordings(read_parquet_files([path], path.parent, text_column), licence_beside(path))
    files = [file for file in sorted(path.rglob("*.parquet")) if not file.name.startswith(".")]
    return Recordings(read_parquet_files(files, path, text_column), licence_beside(path))


def read_parquet_files(files: Sequence[Path], folder: Path, text_column: str | None) -> datasets.Dataset:
    """The rows of `files`, with the columns of READ; below `folder` their names say which split they are."""
    laid_out = [datasets.Dataset.from_file(str(_arrow_of(file, folder, text_column))) for file in files]
    return datasets.concatenate_datasets(laid_out)


def _arrow_of(file: Path, folder: Path, text_column: str | None) -> Path:
    """The Arrow file in the cache that holds the rows of `file`, written now if it is not there yet."""
    state = file.stat()
    split = split_of_file(file.relative_to(folder))
    key = digest([(_LAYOUT, os.path.realpath(file), state.st_size, state.st_mtime_ns, text_column, split)])
    cached = Path(datasets.config.HF_DATASETS_CACHE) / "hf_speech_tl" / f"{key}.arrow"
    if cached.exists():
        return cached
    half = cached.with_suffix(f".{uuid.uuid4().hex}.tmp")
    with _reading(file):
        parquet = pq.ParquetFile(file)
    columns = find_columns(parquet.schema_arrow.names, file.name, text_column)
    try:
        half.parent.mkdir(parents=True, exist_ok=True)
        with pa.OSFile(str(half), "wb") as sink, pa.ipc.new_stream(sink, READ) as writer:
            for batch in _batches(parquet, columns, file, split):
                writer.write_batch(batch)
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


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """What goes wrong here is the file's fault, not that of the disk that the rows are written to."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file.name} cannot be read as Parquet: {str(error).splitlines()[0]}") from error


def _batches(parquet: pq.ParquetFile, columns: Columns, file: Path, split: str | None) -> Iterator[pa.RecordBatch]:
    # A column `duration` may as well count milliseconds; the header knows.
    seconds = columns.seconds if columns.seconds == "seconds" else None
    names = [columns.audio, columns.text, columns.id, columns.speaker, seconds, columns.split]
    wanted = [name for name in names if name is not None]
    number = 0
    batches = parquet.iter_batches(_ROWS, columns=wanted)
    with ThreadPoolExecutor(_THREADS) as pool:
        while True:
            with _reading(file):
                batch = next(batches, None)
            if batch is None:
                return
            rows = batch.to_pylist()
            sources = list(pool.map(lambda row: _source(row[columns.audio], file.parent), rows))
            lengths = list(pool.map(_length, sources, [_number(row, seconds) for row in rows]))
            read = []
            for row, source, length in zip(rows, sources, lengths, strict=True):
                number += 1
                read.append(
                    {
                        "id": _string(row, columns.id) or _name(row[columns.audio]) or f"{file.stem}-{number}",
                        "text": _string(row, columns.text),
                        "speaker": _string(row, columns.speaker),
                        "split": split_named(_string(row, columns.split) or "") or split,
                        **_audio(source, length),
                    }
                )
            yield pa.RecordBatch.from_pylist(read, schema=READ)


def _source(audio: object, folder: Path) -> bytes | Path | BadAudio:
    """What a cell of the audio column holds: bytes, the path of a file beside the Parquet file, or nothing of use."""
    content = audio.get("bytes") if isinstance(audio, dict) else audio
    path = audio.get("path") if isinstance(audio, dict) else audio
    if isinstance(content, bytes):
        return content
    try:
        return (
            inside(folder, path)
            if isinstance(path, str) and path
            else BadAudio("missing file", "neither bytes nor a path")
        )
    except BadAudio as fault:
        return fault


def _length(source: bytes | Path | BadAudio, seconds: float | None) -> float | BadAudio:
    if isinstance(source, BadAudio):
        return source
    if seconds is not None and 0 < seconds < float("inf") and source and isinstance(source, bytes):
        return seconds
    try:
        return read_header(source).seconds
    except BadAudio as fault:
        return fault


def _audio(source: bytes | Path | BadAudio, length: float | BadAudio) -> dict[str, object]:
    if isinstance(source, BadAudio) or isinstance(length, BadAudio):
        fault = length if isinstance(length, BadAudio) else source
        assert isinstance(fault, BadAudio)
        return {"reason": fault.reason, "detail": fault.detail}
    # The path beside the bytes is a name on somebody else's disk.
    place = {"bytes": source, "path": None} if isinstance(source, bytes) else {"bytes": None, "path": str(source)}
    content = source if isinstance(source, bytes) else source.read_bytes()
    return {
        "audio": place,
        "seconds": length,
        "digest": content_digest(lambda start, count: content[start : start + count], len(content)),
    }


def _string(row: dict[str, object], column: str | None) -> str | None:
    value = None if column is None else row[column]
    return None if value is None or value == "" else str(value)


def _number(row: dict[str, object], column: str | None) -> float | None:
    value = None if column is None else row[column]
    return float(value) if isinstance(value, int | float) else None


def _name(audio: object) -> str | None:
    path = audio.get("path") if isinstance(audio, dict) else audio
    return Path(path).stem if isinstance(path, str) and path else None

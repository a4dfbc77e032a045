"""A folder of shards as a corpus: its index, laid out as Arrow in the cache of `datasets`, where it can be mapped."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import datasets
import pyarrow as pa

from hf_speech_tl.corpora.remote import download, is_url, read_all, sizes
from hf_speech_tl.corpora.shards import INDEX, Shards, parse_shards, read_index
from hf_speech_tl.corpora.sources import LISTED
from hf_speech_tl.corpora.table import READ, Recordings, digest
from hf_speech_tl.errors import DataError

_TAKEN = ("id", "text", "speaker", "seconds", "digest", "start", "size", "group", "begin", "end")
_LAYOUT = 1  # of the cached file: a new number when what is written below changes


def read_prepared(folder: str) -> Recordings:
    """The recordings of the shards in `folder`, a path or an address; of none of them is anything read before a batch
    needs it.

    Raises DataError where a shard is missing or not as it was written.
    """
    shards = _listed(folder)
    cached = _cached(shards, folder)
    if not is_url(folder) or not cached.exists():  # far away each file is looked at once: to ask for it takes time
        _check(shards, folder)
    if not cached.exists():
        _lay_out(shards, folder, cached)
    return Recordings(datasets.Dataset.from_file(str(cached)), shards.licenses, content=shards.fingerprint)


def check_shards(folder: str) -> None:
    """Raises DataError for the first file of a folder of shards that is not there, or not as large as it was."""
    _check(_listed(folder), folder)


def _listed(folder: str) -> Shards:
    listed = _join(folder, LISTED)
    return parse_shards(read_all(listed) if is_url(folder) else Path(listed).read_bytes(), listed)


def _join(folder: str, file: str) -> str:
    return f"{folder}/{file}" if is_url(folder) else os.path.join(folder, file)


def _check(shards: Shards, folder: str) -> None:
    said = {one.file: one.size for one in shards.shards} | {INDEX: shards.index}
    found = sizes(folder, list(said)) if is_url(folder) else [_size(folder, file) for file in said]
    for (file, size), there in zip(said.items(), found, strict=True):
        if there not in (size, None):
            raise DataError(
                f"--data {folder}: {file} has {there} bytes, and {LISTED} says {size}: it was cut short or changed. "
                "Copy it again, or write the shards anew with `prepare`."
            )


def _size(folder: str, file: str) -> int:
    try:
        return os.path.getsize(os.path.join(folder, file))
    except OSError as error:
        raise DataError(
            f"--data {folder}: {file} cannot be read ({error.strerror or error}), and {LISTED} lists it. Bring it "
            "back, or write the shards anew with `prepare`."
        ) from None


def _cached(shards: Shards, folder: str) -> Path:
    """Where in the cache the rows of the index are, with the columns of READ: known by all that the list says, for of
    the same rows written in another way the places differ."""
    key = digest([("shards", _LAYOUT, folder, *asdict(shards).items())])
    return Path(datasets.config.HF_DATASETS_CACHE) / "hf_speech_tl" / f"{key}.arrow"


def _lay_out(shards: Shards, folder: str, cached: Path) -> None:
    half, index = (cached.with_suffix(f".{uuid.uuid4().hex}.{kind}") for kind in ("tmp", "index"))
    paths = pa.array([_join(folder, one.file) for one in shards.shards], pa.string())
    splits = pa.array([one.split for one in shards.shards], pa.string())
    try:
        half.parent.mkdir(parents=True, exist_ok=True)
        if is_url(folder):
            download(_join(folder, INDEX), index)
        with pa.OSFile(str(half), "wb") as sink, pa.ipc.new_stream(sink, READ) as writer:
            for batch in read_index(index if is_url(folder) else Path(_join(folder, INDEX))):
                writer.write_batch(_read(batch, paths, splits))
        os.replace(half, cached)  # whole or not at all, also when two processes write it
    except OSError as error:
        raise DataError(
            f"{cached.parent} cannot take the index of {folder}: {error.strerror or error}. Free some space, or name "
            "another folder with HF_DATASETS_CACHE."
        ) from error
    finally:
        for file in (half, index):
            with suppress(OSError):
                file.unlink()


def _read(batch: pa.RecordBatch, paths: pa.Array, splits: pa.Array) -> pa.RecordBatch:
    """A piece of the index as rows of READ."""
    shard = batch.column("shard")
    columns = {name: batch.column(name) for name in _TAKEN}
    columns |= {"path": paths.take(shard), "split": splits.take(shard)}

    def of(fields: pa.Schema | pa.StructType) -> list[pa.Array]:
        return [columns.get(field.name, pa.nulls(len(batch), field.type)) for field in fields]

    audio = READ.field("audio").type
    columns["audio"] = pa.StructArray.from_arrays(of(audio), fields=list(audio))
    return pa.RecordBatch.from_arrays(of(READ), schema=READ)

"""One shard after another: which recordings it is made of, how they are encoded, and whether it is there already."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path

import datasets
import numpy as np

from hf_speech_tl.audio import RATE, BadAudio, encode, suffix_of
from hf_speech_tl.corpora import (
    SPLITS,
    Corpus,
    PlacedRow,
    ShardRow,
    Skipped,
    as_file,
    pulses,
    shard_name,
    write_shard,
)
from hf_speech_tl.settings import PrepareSettings

UNDER_WAY = PrepareSettings.under_way  # has a note of each shard that is there
_TOGETHER = 64  # recordings held in memory at once


@dataclass(frozen=True)
class Part:
    """The recordings that one shard is made of: their places in the split, `(rows,)`, in their order."""

    file: str
    split: str
    rows: np.ndarray


@dataclass(frozen=True)
class Made:
    """What a shard that is there holds, what was left out of it, and its bytes."""

    rows: tuple[PlacedRow, ...]
    skipped: tuple[Skipped, ...]
    size: int


def parts_of(corpus: Corpus, shard_seconds: float, seed: int) -> list[Part]:
    """Shards of about so many seconds. Training rows are in an order of chance, so that neighbours are a fair sample of
    all; the others stay as they are."""
    parts = []
    for split in SPLITS:
        rows: datasets.Dataset = getattr(corpus, split)
        if not len(rows):
            continue
        order = np.arange(len(rows))
        if split == "train":
            order = np.random.default_rng(seed).permutation(len(rows))
        ends = np.cumsum(np.asarray(rows["seconds"][:])[order])
        count = max(1, round(ends[-1] / shard_seconds))
        bounds = np.searchsorted(ends, ends[-1] * np.arange(1, count) / count)
        own = [piece for piece in np.split(order, bounds) if len(piece)]
        parts += [Part(shard_name(split, at, len(own)), split, piece) for at, piece in enumerate(own)]
    return parts


def make(part: Part, corpus: Corpus, key: str, encoding: str, output: Path, progress: Callable[[int], None]) -> None:
    """Write a shard beside, rename it, and note what it holds.

    key: of all recordings and settings, by which it is known as theirs. progress: hears how many of its recordings are
    done.
    """
    skipped: list[Skipped] = []
    rows: datasets.Dataset = getattr(corpus, part.split)

    def told() -> Iterator[ShardRow]:
        for done, one in enumerate(encoded(rows.select(part.rows), encoding), start=1):
            if isinstance(one, ShardRow):
                yield one
            else:
                skipped.append(Skipped(one.id, part.split, one.source, one.reason, one.detail))
            progress(done)

    half = output / f"{part.file}.part"
    placed = write_shard(half, told())
    os.replace(half, output / part.file)
    note = {
        "key": key,
        "rows": placed,
        "skipped": [astuple(row) for row in skipped],
        "size": (output / part.file).stat().st_size,
    }
    write_note(note, _note(part, output))


def made(part: Part, key: str, output: Path) -> Made | None:
    """What was noted of a shard; None where it is not there, not whole, or not made of what `key` is of."""
    try:
        note = json.loads(_note(part, output).read_text("utf-8"))
        found = Made(
            tuple(PlacedRow(*row) for row in note["rows"]),
            tuple(Skipped(*row) for row in note["skipped"]),
            int(note["size"]),
        )
        return found if note["key"] == key and (output / part.file).stat().st_size == found.size else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def encoded(rows: datasets.Dataset, encoding: str) -> Iterator[ShardRow | Skipped]:
    """Each row with its audio as a file of its own, as `encoding` (flac, opus, keep) says; or what is wrong with it."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for begin in range(0, len(rows), _TOGETHER):
            batch = rows[begin : begin + _TOGETHER]
            given = [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]
            yield from pool.map(lambda row: _encoded(row, encoding), given)


def write_note(value: object, path: Path) -> None:
    """Write JSON beside and rename it: it is there whole, or not at all."""
    half = path.with_suffix(".part")
    half.write_text(json.dumps(value), "utf-8", "backslashreplace")
    os.replace(half, path)


def _note(part: Part, output: Path) -> Path:
    return output / UNDER_WAY / f"{part.file}.json"


def _encoded(row: dict, encoding: str) -> ShardRow | Skipped:
    words = row["text"], row["speaker"]
    whence = row["lang"], row["source"]
    try:
        heard = pulses(row["audio"])
        if encoding == "keep" and (kept := as_file(row["audio"])):
            return ShardRow(row["id"], kept, suffix_of(kept), *words, row["seconds"], *whence)
    except BadAudio as fault:
        return Skipped(row["id"], "", row["source"], fault.reason, fault.detail)
    content = encode(heard, "opus" if encoding == "opus" else "flac")
    suffix = ".opus" if encoding == "opus" else ".flac"
    return ShardRow(row["id"], content, suffix, *words, len(heard) / RATE, *whence)

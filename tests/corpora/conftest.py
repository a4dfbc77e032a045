"""Clips to build corpora of, and a cache that each test has to itself."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hf_speech_tl.corpora import INDEX, Shard, ShardRow, Shards, shard_name, write_index, write_shard, write_shards

Voice = Callable[..., bytes]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def voice() -> Voice:
    """A function that makes a clip: some harmonics that come and go, and noise; another for every seed."""

    def make(
        seed: int,
        seconds: float = 1.5,
        rate: int = 16_000,
        channels: int = 1,
        file_format: str = "WAV",
        subtype: str | None = None,
    ) -> bytes:
        rng = np.random.default_rng(seed)
        time = np.arange(int(seconds * rate)) / rate
        pitch = rng.uniform(90, 220)
        tones = sum(np.sin(2 * np.pi * pitch * k * time + rng.uniform(0, 6)) / k for k in range(1, 6))
        samples = 0.15 * tones * np.abs(np.sin(3 * time)) + 0.01 * rng.standard_normal(len(time))
        file = io.BytesIO()
        frames = np.repeat(samples[:, None], channels, axis=1).astype("float32")
        soundfile.write(file, frames, rate, format=file_format, subtype=subtype)
        return file.getvalue()

    return make


@pytest.fixture()
def folder_of(tmp_path: Path, voice: Voice) -> Callable[[int], Path]:
    """A function that makes a folder with N clips a0.wav, a1.wav, ... in it."""

    def make(count: int) -> Path:
        folder = tmp_path / "corpus"
        folder.mkdir()
        for number in range(count):
            (folder / f"a{number}.wav").write_bytes(voice(number, 0.5))
        return folder

    return make


@pytest.fixture
def shards(tmp_path_factory: pytest.TempPathFactory, voice: Voice) -> Path:
    """A folder of two shards for training, one each for the others: clips of half a second, of which 0 to 6 train."""
    folder, written, listed = tmp_path_factory.mktemp("shards"), [], []

    def rows(first: int, count: int) -> Iterator[ShardRow]:
        for at in range(first, first + count):
            content = voice(at, 0.5, file_format="FLAC")
            yield ShardRow(f"id/{at}", content, ".flac", f"text {at}", f"ana {at % 3}", 0.5, "en", "somewhere")

    first = 0
    for split, number, count in (("train", 0, 4), ("train", 1, 3), ("validation", 0, 2), ("test", 0, 2)):
        file = shard_name(split, number, 2 if split == "train" else 1)
        written.append(write_shard(folder / file, rows(first, count)))
        listed.append(Shard(file, split, count, 0.5 * count, (folder / file).stat().st_size))
        first += count
    write_index(folder / INDEX, written)
    size = (folder / INDEX).stat().st_size
    write_shards(Shards("k", "f", "flac", ("somewhere",), ("en",), ("mit",), 0, size, tuple(listed)), folder)
    return folder

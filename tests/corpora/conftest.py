"""Clips to build corpora of, and a cache that each test has to itself."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

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

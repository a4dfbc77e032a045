"""A corpus of noise on the disk, and settings that train a tiny model on it in seconds."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny import save_tiny, tiny_rows

from hf_speech_tl.settings import FinetuneSettings

_TEXTS = ("ab", "abc d", "d", "a bad cab dab", "bb", "cab", "dad cab", "ada")


@pytest.fixture(autouse=True)
def _every_evaluation_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are killed at steps, not at times."""
    monkeypatch.setattr("hf_speech_tl.training.trainer._SHARE", math.inf)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of train, validation and test Parquet files."""
    folder = tmp_path_factory.mktemp("corpus")
    for seed, split in enumerate(("train", "validation", "test")):
        lengths = tuple(0.6 + 0.2 * ((at + seed) % 5) for at in range(len(_TEXTS)))
        rows = tiny_rows(lengths, _TEXTS, seed).remove_columns(["transcript", "source", "lang"])
        rows = rows.map(lambda row, split=split: {"id": f"{split}-{row['id']}"})
        rows.to_parquet(str(folder / f"{split}.parquet"))
    return folder


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved tiny model that knows the corpus's symbols."""
    return save_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def settings(corpus: Path, tiny_checkpoint: Path, tmp_path: Path) -> Callable[..., FinetuneSettings]:
    """Settings of a short quiet run; what differs is given by name."""

    def make(**changes: object) -> FinetuneSettings:
        plain: dict[str, object] = dict(
            lang="it",
            data=(str(corpus),),
            model=str(tiny_checkpoint),
            max_steps=4,
            batch_seconds=3.0,
            precision="float32",
            output=tmp_path / "run",
            quiet=True,
        )
        return FinetuneSettings(**(plain | changes))

    return make

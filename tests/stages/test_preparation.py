"""What a run learns from: nothing that was asked for may be missing without a word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tiny import tiny_rows

from hf_speech_tl.errors import DataError
from hf_speech_tl.languages import find_language
from hf_speech_tl.models import read_config
from hf_speech_tl.settings import FinetuneSettings, Source
from hf_speech_tl.stages.preparation import labelled_corpus


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """A corpus whose only training recording is longer than the others."""
    rows = tiny_rows((3.0, 0.8, 0.8), ("ab", "cab", "bad"), seed=5).remove_columns(["transcript", "source", "lang"])
    rows = rows.map(lambda row: {"id": f"long-{row['id']}"})
    (tmp_path / "long").mkdir()
    for at, split in enumerate(("train", "validation", "test")):
        rows.select([at]).to_parquet(str(tmp_path / "long" / f"{split}.parquet"))
    return tmp_path / "long"


@pytest.mark.parametrize("mix", [None, 0.2])
def test_a_source_of_which_no_training_row_is_left_is_told(
    mix: float | None, long: Path, settings: Callable[..., FinetuneSettings], corpus: Path, tiny_checkpoint: Path
) -> None:
    asked = settings(data=(str(corpus), Source(str(long), lang="es", mix=mix)), max_seconds=2.0)
    with pytest.raises(DataError, match=r"--data long: none of its training recordings can be used \(1 too long\)"):
        labelled_corpus(asked, find_language("it"), read_config(str(tiny_checkpoint)), told=False)


def test_what_is_mixed_in_and_all_there_already_is_told(
    settings: Callable[..., FinetuneSettings], corpus: Path, tiny_checkpoint: Path
) -> None:
    asked = settings(data=(str(corpus), Source(str(corpus), lang="es", mix=0.2)))
    with pytest.raises(DataError, match=r"#2: none of its training recordings can be used \(\d+ duplicate\)"):
        labelled_corpus(asked, find_language("it"), read_config(str(tiny_checkpoint)), told=False)

"""What several rooms' tests share: where real recordings are, and a seed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when huggingface_hub is imported

_SHARED = Path(os.environ.get("HF_SPEECH_TL_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings (speech/, noise/, rir/) that is kept beside the checkout, never in it."""
    if not (_SHARED / "speech").is_dir():
        pytest.skip(f"needs the real recordings of {_SHARED}, which are not part of the project")
    return _SHARED


@pytest.fixture(scope="session")
def speech(shared: Path) -> Path:
    """The folder that holds one folder of Parquet files a corpus of people's speech."""
    return shared / "speech"

"""What several rooms' tests share: where real recordings are, and how the tests are spread over the cores."""

from __future__ import annotations

import os
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when huggingface_hub is imported
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # a core for each worker; read when torch is imported

_SHARED = Path(os.environ.get("HF_SPEECH_TL_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """How many processes `-n auto` is: one a core, yet four at most, for each imports torch and transformers anew."""
    return min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


@pytest.fixture
def run_script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int | str | None]:
    """The exit code of a script, by its name, with these words behind it; it runs in this process."""

    def run(name: str, *words: object) -> int | str | None:
        monkeypatch.setattr("sys.argv", [name, *map(str, words)])
        try:
            runpy.run_path(str(Path(__file__).parents[1] / "scripts" / name), run_name="__main__")
        except SystemExit as ended:
            return ended.code
        return 0

    return run


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

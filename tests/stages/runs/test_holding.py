"""Two runs never write into one directory at the same time."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings import FinetuneSettings, TransferSettings
from hf_speech_tl.stages import finetune
from hf_speech_tl.stages.routes import transfer
from hf_speech_tl.stages.runs.holding import hold
from hf_speech_tl.stages.runs.output import Output, claim_output


@pytest.fixture
def taken() -> Iterator[Callable[[Path], None]]:
    """Takes a directory as another process would."""
    descriptors: list[int] = []

    def take(directory: Path) -> None:
        descriptors.append(os.open(directory, os.O_RDONLY))
        fcntl.flock(descriptors[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)

    yield take
    for descriptor in descriptors:
        os.close(descriptor)


def test_what_this_process_holds_nobody_else_takes_and_it_may_come_back(
    tmp_path: Path, taken: Callable[[Path], None]
) -> None:
    hold(tmp_path)
    hold(tmp_path)
    with pytest.raises(BlockingIOError):
        taken(tmp_path)
    hold(tmp_path.rename(tmp_path.with_name("moved")))


def test_a_run_that_another_process_goes_on_with_is_left_alone(
    settings: Callable[..., FinetuneSettings],
    cut_at: Callable[[int, FinetuneSettings], None],
    taken: Callable[[Path], None],
    tmp_path: Path,
) -> None:
    cut_at(2, settings(output=tmp_path / "first"))
    shutil.copytree(tmp_path / "first", tmp_path / "run")  # this process holds the first one itself
    there = sorted(path for path in (tmp_path / "run").rglob("*"))
    taken(tmp_path / "run")
    with pytest.raises(SettingsError, match=r"--output .*run: another process is writing a run into it"):
        finetune.run(settings(output=None, resume=str(tmp_path / "run")))
    assert sorted(path for path in (tmp_path / "run").rglob("*")) == there


def test_so_is_a_transfer(
    asked: Callable[..., TransferSettings], taken: Callable[[Path], None], tmp_path: Path, trained: list[str]
) -> None:
    (tmp_path / "whole").mkdir()
    taken(tmp_path / "whole")
    with pytest.raises(SettingsError, match="another process is writing a run into it"):
        transfer.run(asked())
    assert not trained and not any((tmp_path / "whole").iterdir())


def test_a_run_that_was_completed_while_another_got_ready_is_not_replaced(
    settings: Callable[..., FinetuneSettings], earlier: Path
) -> None:
    content = {path: path.read_bytes() for path in earlier.rglob("*") if path.is_file()}
    asked = settings(output=earlier)
    with pytest.raises(SettingsError, match="holds an earlier run"):
        claim_output(Output(earlier, None), asked)
    with pytest.raises(SettingsError, match="another process has gone on with that run meanwhile"):
        claim_output(Output(earlier, earlier / "checkpoints" / "checkpoint-2"), asked)
    assert {path: path.read_bytes() for path in earlier.rglob("*") if path.is_file()} == content

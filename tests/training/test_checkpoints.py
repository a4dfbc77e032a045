"""Checkpoints that are whole or not there, and what is said when one cannot be written."""

import errno
import json
import os
import signal
from pathlib import Path

import pytest
import torch

from hf_speech_tl.errors import RunError
from hf_speech_tl.training import guard, latest
from hf_speech_tl.training.checkpoints import beside, finish, is_whole, writing


def write(checkpoints: Path, step: int) -> Path:
    """A checkpoint of a few files, finished as the trainer does it."""
    folder = beside(checkpoints) / f"checkpoint-{step}"
    (folder / "shards").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights" * 100)
    (folder / "shards" / "0.distcp").write_bytes(b"part")
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    finish(checkpoints, step)
    return checkpoints / f"checkpoint-{step}"


def names(checkpoints: Path) -> set[str]:
    return {path.name for path in checkpoints.glob("checkpoint-*")}


def test_the_last_and_the_one_before_are_kept(tmp_path: Path) -> None:
    for step in (2, 4, 10):
        write(tmp_path, step)
    assert names(tmp_path) == {"checkpoint-4", "checkpoint-10"} and latest(tmp_path) == tmp_path / "checkpoint-10"


@pytest.mark.parametrize("name", ["model.safetensors", "shards/0.distcp", "trainer_state.json", "parts.json"])
@pytest.mark.parametrize("how", ["missing", "cut short"])
def test_a_damaged_checkpoint_is_passed_over_and_written_again(name: str, how: str, tmp_path: Path) -> None:
    write(tmp_path, 2)
    damaged = write(tmp_path, 10)
    (tmp_path / "checkpoint-12 (copy)").mkdir()
    if how == "missing":
        (damaged / name).unlink()
    else:
        os.truncate(damaged / name, 3)
    assert not is_whole(damaged) and latest(tmp_path) == tmp_path / "checkpoint-2"
    write(tmp_path, 10)
    assert latest(tmp_path) == damaged
    assert (tmp_path / "checkpoint-12 (copy)").is_dir()


def test_what_was_not_finished_is_no_checkpoint(tmp_path: Path) -> None:
    write(tmp_path, 2)
    (beside(tmp_path) / "checkpoint-4").mkdir()
    (beside(tmp_path) / "checkpoint-4" / "parts.json").write_text("{}")
    assert latest(tmp_path) == tmp_path / "checkpoint-2"


def test_a_full_disk_is_said_in_one_line_and_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    write(tmp_path, 2)

    def fill() -> None:
        (beside(tmp_path) / "checkpoint-4").mkdir()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    said = r"step 4 could not be written \(No space left.*MB are free; that of step 2"
    with pytest.raises(RunError, match=said), writing(tmp_path, 4):
        fill()
    assert not beside(tmp_path).exists() and latest(tmp_path) == tmp_path / "checkpoint-2"


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs a limit on the size of files")
def test_torchs_own_words_for_a_full_disk_are_known(tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(RunError, match="full, or fails"), writing(tmp_path, 4):
            torch.save(torch.zeros(200_000), tmp_path / "optimizer.pt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_an_error_that_is_none_of_the_disks_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="of something else"), writing(tmp_path, 4):
        raise RuntimeError("of something else")


@pytest.mark.parametrize("number", guard._ASKING)
def test_a_signal_is_noted_and_only_a_second_ctrl_c_does_not_wait(number: int, monkeypatch) -> None:
    clock = iter((0.0, 0.1, 10.0, 20.0))
    monkeypatch.setattr(guard.time, "monotonic", lambda: next(clock))
    interruption = guard.Interruption()
    interruption._note(number, None)
    assert interruption.asked
    interruption._note(signal.SIGINT, None)  # the launcher's
    interruption._note(signal.SIGTERM, None)
    with pytest.raises(KeyboardInterrupt):
        interruption._note(signal.SIGINT, None)

"""How a run ends: what is told of it, and with which directory it goes on."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest
from accelerate import PartialState
from tiny import free_port

from hf_speech_tl.errors import DataError, DiskError
from hf_speech_tl.stages.runs.processes import told_once


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no room on the disk"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "no room .* for this user"),
        (ValueError("Error while serializing: I/O error: No space left on device (os error 28)"), "no room"),
        (DiskError("the checkpoint of step 4 could not be written", "run/seed-1"), "checkpoint of step 4"),
    ],
)
def test_where_the_disk_is_full_the_whole_goes_on_and_not_a_part_of_it(error: Exception, said: str) -> None:
    processes = PartialState(cpu=True)
    with (
        pytest.raises(DiskError, match=said) as caught,
        told_once(processes, lambda: "run"),
        told_once(processes, lambda: "run/seed-1"),
    ):
        raise error
    assert caught.value.directory == "run"


@pytest.mark.parametrize("error", [DataError("the answer was (os error 28)"), OSError(errno.EACCES, "Permission")])
def test_other_errors_stay_as_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, told_once(PartialState(cpu=True), lambda: "run"):
        raise error
    assert caught.value is error


_LEAVING = """
import atexit, sys, torch, weakref
from hf_speech_tl.stages.runs.processes import agree, join_processes
left = []
atexit.register(lambda: print(torch.distributed.is_initialized(), left[0]() is None))  # the last that Python does
processes = join_processes()
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 2))
left.append(weakref.ref(model))
model.trainer = model  # as a Trainer and its callbacks refer to each other
del model
sys.exit(agree(processes, lambda: 2))
"""


@pytest.mark.slow
def test_processes_that_joined_part_before_they_end() -> None:
    environment = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    environment |= {"LOCAL_WORLD_SIZE": "2", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _LEAVING],
            env=environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=120)[0] for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [2, 2] and said == ["False True\n", "False True\n"]

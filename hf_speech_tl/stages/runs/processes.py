"""Several processes that train one model: what one of them decides or fails at, the others learn."""

from __future__ import annotations

import atexit
import gc
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import torch
from accelerate import DistributedType, PartialState
from accelerate.utils import broadcast_object_list

from hf_speech_tl.errors import INTERRUPTED, DiskError, RunError, SettingsError, SpeechError, ToldElsewhere, is_full
from hf_speech_tl.training import how_launched

T = TypeVar("T")

# The first process reads and screens the corpus, and scores, while the others wait: hours for millions of recordings.
# One that dies is noticed at once, by its closed connections or by the launcher.
_PATIENCE = timedelta(hours=6)


def join_processes() -> PartialState:
    """This process's place among those that were launched together; alone, where it was not launched so."""
    on_cpu = not torch.cuda.is_available()
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        processes = PartialState(cpu=on_cpu, timeout=_PATIENCE)
        atexit.unregister(_leave)
        atexit.register(_leave)
        return processes
    return PartialState(cpu=on_cpu)


def _leave() -> None:
    """Close the connections while Python still runs.

    Left to the end of the process, gloo's threads may notice that another is gone when nobody can hear it, and abort.
    """
    if torch.distributed.is_initialized() and torch.distributed.get_backend() == "gloo":
        gc.collect()  # a run that failed has left a Trainer, whose model in parallel holds on to them
        torch.distributed.destroy_process_group()


def is_sharded(processes: PartialState) -> bool:
    """Whether accelerate will cut the model up among the processes (FSDP), which it does on GPUs only."""
    asked = os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"
    return asked and processes.distributed_type not in (DistributedType.NO, DistributedType.MULTI_CPU)


def agree(processes: PartialState, work: Callable[[], T]) -> T:
    """What `work` gives on the first process, for all; where it fails there, it fails everywhere, and is told once."""
    outcome: list[T | SpeechError | None] = [None]
    if processes.is_main_process:
        try:
            outcome = [work()]
        except SpeechError as error:
            outcome = [error]
    (result,) = broadcast_object_list(outcome)
    if isinstance(result, SpeechError):
        raise result if processes.is_main_process else ToldElsewhere(result.exit_code)
    return result


def first_then_others(processes: PartialState, work: Callable[[], T]) -> T:
    """What `work` gives here; the others begin when the first is done, and find in caches what it put there."""
    mine: list[T] = []
    agree(processes, lambda: mine.append(work()))
    return mine[0] if processes.is_main_process else work()


@contextmanager
def told_once(processes: PartialState, saved: Callable[[], str]) -> Iterator[None]:
    """Inside, a run ends on all processes, and one of them says why.

    saved: gives the directory from which a run that is stopped goes on, or nothing. RunError where another process is
    gone; DiskError with that directory where the disk is full; after Ctrl-C, KeyboardInterrupt with it.
    """
    try:
        yield
    except DiskError as error:
        error.directory = saved()
        raise
    except SpeechError:
        raise
    except Exception as error:
        if _has_lost_another(error, processes):
            raise RunError(
                f"process {processes.process_index + 1} of {processes.num_processes} has lost another, which failed or "
                "was killed (for memory?): what that one said is the reason; --resume goes on from the last checkpoint."
            ) from error
        if is_full(error):
            raise DiskError("there is no room on the disk, or for this user; make some", saved()) from error
        raise
    except KeyboardInterrupt:
        if not processes.is_main_process:
            raise ToldElsewhere(INTERRUPTED) from None
        raise KeyboardInterrupt(saved()) from None


def _has_lost_another(error: Exception, processes: PartialState) -> bool:
    """Whether an error in a collective means that another process is gone; it says nothing of why."""
    lost = isinstance(error, torch.distributed.DistError) or re.search(r"gloo|NCCL|by peer", str(error))
    return processes.num_processes > 1 and isinstance(error, RuntimeError) and bool(lost)


def check_launch(checkpoint: Path, processes: PartialState) -> None:
    """SettingsError where a run would go on with more or fewer processes, which would get other batches."""
    began, sharded = how_launched(checkpoint)
    if began != processes.num_processes or sharded != is_sharded(processes):
        raise SettingsError(
            f"--resume: the run was launched with {_launch(began, sharded)}, and now with "
            f"{_launch(processes.num_processes, is_sharded(processes))}; launch it as it was, or begin anew with "
            "--overwrite"
        )


def _launch(count: int, sharded: bool) -> str:
    return f"{count} process{'es' if count > 1 else ''}{' and FSDP' if sharded else ''}"

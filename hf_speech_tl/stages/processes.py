"""Several processes that train one model: what one of them decides or fails at, the others learn."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from hf_speech_tl.errors import RunError, SpeechError, ToldElsewhere

T = TypeVar("T")

# The first process reads and screens the corpus, and scores, while the others wait: hours for millions of recordings.
# One that dies is noticed at once, by its closed connections or by the launcher.
_PATIENCE = timedelta(hours=6)


def join_processes() -> PartialState:
    """This process's place among those that were launched together; alone, where it was not launched so."""
    on_cpu = not torch.cuda.is_available()
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        return PartialState(cpu=on_cpu, timeout=_PATIENCE)
    return PartialState(cpu=on_cpu)


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


def explain_lost(error: RuntimeError, processes: PartialState) -> RuntimeError | RunError:
    """An error in place of the one that a process meets when another is gone, which says nothing of why."""
    lost = isinstance(error, torch.distributed.DistError) or re.search(r"gloo|NCCL|by peer", str(error))
    if processes.num_processes == 1 or not lost:
        return error
    return RunError(
        f"process {processes.process_index + 1} of {processes.num_processes} has lost another, which failed or was "
        "killed (for memory?); what that one said, if anything, is the reason."
    )

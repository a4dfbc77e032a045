"""What processes of a run read, planned as each would plan it: no model, and nothing is decoded."""

from __future__ import annotations

import functools
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import environment  # noqa: F401

import numpy as np
import psutil

from hf_speech_tl.training import Batches, Order, StreamedBatches


@dataclass(frozen=True)
class Setting:
    """lengths: a file of seconds, float32 `(rows,)`; group: rows of a row group; streamed: whether these are streamed,
    or the order is the global one; batch_seconds: of a process."""

    lengths: Path
    group: int
    streamed: bool
    processes: int
    batch_seconds: float

    def order(self, process: int) -> Order:
        seconds = np.load(self.lengths)
        step = self.batch_seconds * self.processes
        if not self.streamed:
            return Batches(seconds, step, seed=0, process=process, processes=self.processes)
        groups = np.arange(len(seconds), dtype=np.int32) // self.group
        return StreamedBatches(seconds, groups, step, seed=0, process=process, processes=self.processes)


@dataclass(frozen=True)
class Share:
    """Of some processes: padded seconds of each micro-batch of an epoch `(processes, steps)`, and its rows.

    fetched: row groups that each reads, once each; open: of how many it needs rows at once, at most. start_up: seconds
    of processor time from lengths to the first batch; resumed: whether an epoch that is begun in its middle, by a
    process that knows nothing of the first half, is the second half. The last two: of the first of these processes.
    """

    padded: np.ndarray
    rows: np.ndarray
    fetched: list[int]
    open: list[int]
    start_up: float
    resumed: bool


def share(setting: Setting, processes: Sequence[int]) -> Share:
    """An epoch of these processes, one after another."""
    began = time.process_time()
    order = setting.order(processes[0])
    order.count = order.per_epoch()
    next(iter(order))
    start_up = time.process_time() - began
    half = order.count // 2
    later = [batch for batch, _ in zip(replace(order, start=half), range(20), strict=False)]
    # Those that are taken in turn need not each make the plan that all have in common.
    order._epoch = functools.cache(order._epoch)  # type: ignore[method-assign]
    seconds = np.asarray(order.seconds)
    padded, rows, fetched, open_ = [], [], [], []
    resumed = True
    for process in processes:
        order.process = process
        batches = list(order)
        if process == processes[0]:
            resumed = later == batches[half : half + len(later)]
        padded.append([len(batch) * float(seconds[batch].max()) for batch in batches])
        rows.append(np.concatenate(batches).astype(np.int32))
        groups = rows[-1] // setting.group
        steps = np.repeat(np.arange(len(batches)), [len(batch) for batch in batches])
        fetched.append(len(np.unique(groups)))
        open_.append(_most_open(groups, steps, len(batches)))
    return Share(np.array(padded, np.float32), np.concatenate(rows), fetched, open_, start_up, resumed)


def _most_open(groups: np.ndarray, steps: np.ndarray, count: int) -> int:
    """Of how many groups, at most, rows have been read and others not yet."""
    _, numbers = np.unique(groups, return_inverse=True)
    first, last = np.full(numbers.max() + 1, count), np.zeros(numbers.max() + 1, np.int64)
    np.minimum.at(first, numbers, steps)
    np.maximum.at(last, numbers, steps)
    opened = np.bincount(first, minlength=count + 1) - np.bincount(last + 1, minlength=count + 1)[: count + 1]
    return int(np.cumsum(opened).max())


@dataclass(frozen=True)
class Plan:
    """What a process holds to plan its batches: bytes a row of anonymous memory, with the lengths, and at the peak;
    seconds of processor time once a run, and once more an epoch, or a window of a streamed one."""

    kept: float
    peak: float
    once: float
    again: float


def plan(setting: Setting) -> Plan:
    """Of the first process, which is this one and holds nothing yet."""
    before, whole = _anonymous_bytes(), psutil.Process().memory_info().rss
    order = setting.order(0)
    began = time.process_time()
    order.count = order.per_epoch()
    once = time.process_time() - began
    began = time.process_time()
    handed_out = iter(order)
    next(handed_out)
    again = time.process_time() - began
    rows = len(np.asarray(order.seconds))
    return Plan((_anonymous_bytes() - before) / rows, (_peak_bytes() - whole) / rows, once, again)


def _anonymous_bytes() -> int:
    """Memory of this process that no file stands behind."""
    memory = psutil.Process().memory_info()
    return memory.rss - getattr(memory, "shared", 0)


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

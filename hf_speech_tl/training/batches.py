"""Batches of so many seconds, of clips of similar length, in an order that depends on nothing but the seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

_JITTER = 0.1  # of a clip's length, so that a bucket is not the same clips in every epoch


@dataclass
class Batches(torch.utils.data.Sampler):
    """Lists of row numbers, one a micro-batch, for the whole run; epochs follow each other without a seam.

    batch_seconds: padded seconds in one micro-batch on one process; a single longer clip is a batch of its own.
    count: micro-batches in all; start: how many of them a resumed run leaves out, without loading anything.
    weights: how often an epoch holds each row, once each by default; of a fraction, rows are drawn anew every epoch.
    Each process takes its own of every `processes` batches of the same bucket, so that all of them work equally long.
    """

    seconds: Sequence[float] | np.ndarray
    batch_seconds: float
    seed: int
    count: int = 0
    start: int = 0
    process: int = 0
    processes: int = 1
    weights: Sequence[float] | None = None
    epoch: int = field(default=0, init=False)  # of the batch that was given out last

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[list[int]]:
        self.epoch = done = 0
        while True:
            groups = self._epoch(self.epoch)
            first = min(max(0, self.start - done), len(groups))
            for group in groups[first : max(first, self.count - done)]:
                yield group[self.process]
            done += len(groups)
            if done >= self.count:
                return
            self.epoch += 1

    def per_epoch(self) -> int:
        """Micro-batches of one process in the first pass over the data; later passes differ by few."""
        return len(self._epoch(0))

    def _epoch(self, epoch: int) -> list[list[list[int]]]:
        """Groups of `processes` batches, shuffled; the last group of an epoch is filled up from the first batches."""
        generator = np.random.default_rng([self.seed, epoch])
        lengths = np.asarray(self.seconds)
        rows = self._rows(generator)
        jittered = lengths[rows] * (1 + _JITTER * generator.random(len(rows)))
        batches: list[list[int]] = []
        longest = 0.0
        for row in rows[np.argsort(jittered, kind="stable")].tolist():
            longest = max(longest, lengths[row])
            if not batches or (len(batches[-1]) + 1) * longest > self.batch_seconds:
                batches.append([])
                longest = lengths[row]
            batches[-1].append(row)
        missing = -len(batches) % self.processes
        batches += [batches[at % len(batches)] for at in range(missing)]
        groups = [batches[at : at + self.processes] for at in range(0, len(batches), self.processes)]
        return [groups[at] for at in generator.permutation(len(groups))]

    def _rows(self, generator: np.random.Generator) -> np.ndarray:
        """The rows of an epoch, some of them several times or not at all; at least one."""
        every = np.arange(len(self.seconds))
        if self.weights is None:
            return every
        whole = np.floor(self.weights)
        times = whole + (generator.random(len(every)) < np.asarray(self.weights) - whole)
        rows = np.repeat(every, times.astype(int))
        return rows if len(rows) else every[:1]  # a run of epochs without rows would never end

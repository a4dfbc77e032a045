"""Batches of so many seconds, of clips of similar length, in an order that depends on nothing but the seed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import ArrayLike

from hf_speech_tl.training.cutting import costs_of, cut_alike

_MANY = 1000  # steps an epoch, beyond which one that is not full does no harm
_TRIALS = 8  # of a limit, each of which halves what is left to try
_JITTER = 0.1  # of a clip's length, so that a bucket is not the same clips in every epoch


@dataclass
class Batches(torch.utils.data.Sampler):
    """Lists of row numbers, one a micro-batch of one process, for the whole run; epochs follow without a seam.

    Every epoch has the same number of steps, and each step takes its clips from one place in the order of lengths. It
    is cut into `accumulation` micro-batches of the same number of clips, give or take one, and each of them into shares
    of the processes, which take equally long. What a step holds does not depend on how it is cut, unless it has fewer
    clips than pieces: one process and eight train alike.

    batch_seconds: padded seconds in a step, over all processes; about so many, unless there is a clip a piece only.
    count: micro-batches of a process in all; start: how many of them a resumed run leaves out, without loading them.
    weights: how often an epoch holds each row, once each by default; of a fraction, rows are drawn anew every epoch.
    quadratic: the length in seconds at which attention, which grows with its square, costs as much as all else. Steps
    of long clips then hold fewer seconds, those of clips of average length still `batch_seconds`.
    """

    seconds: ArrayLike
    batch_seconds: float
    seed: int
    count: int = 0
    start: int = 0
    process: int = 0
    processes: int = 1
    accumulation: int = 1
    weights: ArrayLike | None = None
    quadratic: float = math.inf
    # Of the batch that was given out last: its epoch, and which of its row's copies in that epoch each clip is, from 0.
    epoch: int = field(default=0, init=False)
    copies: list[int] = field(default_factory=list, init=False)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[list[int]]:
        done = self.start
        while done < self.count:
            self.epoch, at = divmod(done, self.per_epoch())
            rows, copies, steps = self._epoch(self.epoch)
            for place in range(at, min(self.per_epoch(), at + self.count - done)):
                step, piece = divmod(place, self.accumulation)
                begin, end = self._bounds[steps[step] : steps[step] + 2]
                mine = begin + self._piece(self._lengths[rows[begin:end]], piece)
                self.copies = copies[mine].tolist()
                yield rows[mine].tolist()
                done += 1

    def per_epoch(self) -> int:
        """Micro-batches of one process in one pass over the data."""
        return (len(self._bounds) - 1) * self.accumulation

    def _epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The rows of an epoch by length, int32, which `_bounds` cuts into steps; which copy each is; and the order of
        the steps."""
        generator = np.random.default_rng([self.seed, epoch])
        rows = self._drawn(_shaken(self._lengths, generator), generator.random())
        copies = np.zeros(len(rows), np.int8)
        if self.weights is not None:
            copies = _counted(rows)
            order = np.argsort(_shaken(self._lengths[rows], generator))  # copies stand side by side, in one step
            rows, copies = rows[order], copies[order]
        return rows, copies, generator.permutation(len(self._bounds) - 1)

    def _drawn(self, lengths: np.ndarray, offset: float) -> np.ndarray:
        """Rows in the order of `lengths`, each as often as its weight says; at least one row a piece of a step.

        With the weights laid end to end in this order, a row is taken at every whole number plus `offset`: so an epoch
        has always as many rows, and always as many of each length.
        """
        rows = np.argsort(lengths).astype(np.int32)
        if self.weights is not None:
            ends = np.cumsum(np.asarray(self.weights, np.float32)[rows], dtype=np.float64)
            places = np.arange(max(1, round(ends[-1]))) + offset
            rows = rows[np.minimum(np.searchsorted(ends, places, side="right"), len(rows) - 1)]
        return np.resize(rows, self._pieces) if len(rows) < self._pieces else rows

    def _piece(self, lengths: np.ndarray, piece: int) -> np.ndarray:
        """Of a step's clips of these lengths, the places of those that are this process's part of a micro-batch."""
        by_length = np.argsort(lengths, kind="stable")
        places = np.array_split(by_length, self.accumulation)[piece]
        if self.processes > 1:
            costs = costs_of(lengths[places[::-1]].astype(np.float64), self.quadratic)
            bounds = len(places) - cut_alike(costs, self.processes)
            places = places[bounds[self.process + 1] : bounds[self.process]]
        return places

    @cached_property
    def _lengths(self) -> np.ndarray:
        """Of float32: ten million rows as Python's numbers would take a third of a gigabyte."""
        return np.asarray(self.seconds, np.float32)

    @property
    def _pieces(self) -> int:
        return self.processes * self.accumulation

    @cached_property
    def _bounds(self) -> np.ndarray:
        """Where steps begin in an epoch's rows, and the end: the same in every epoch, whatever its jitter."""
        # Without jitter, which leaves some steps a few per cent longer and others as much shorter.
        longest = self._lengths[self._drawn(self._lengths, 1.0)]
        costs = costs_of(longest, self.quadratic)
        limit = self.batch_seconds * (1 + float(self._lengths.mean()) / self.quadratic)
        bounds = self._filled(costs, limit)
        if len(bounds) > _MANY:
            return bounds
        # The last step has what is left over, perhaps a single clip, and would move the weights as far as any other:
        # the lowest limit that makes as many steps shares it out.
        low, high = limit / 2, limit
        for _ in range(_TRIALS):
            middle = (low + high) / 2
            shared = self._filled(costs, middle)
            if len(shared) == len(bounds):
                bounds, high = shared, middle
            else:
                low = middle
        return bounds

    def _filled(self, costs: np.ndarray, limit: float) -> np.ndarray:
        """Where steps begin in clips of these costs, the lowest first, and the end, if each costs `limit` at most."""
        bounds = [0]
        while bounds[-1] < len(costs):
            begin = bounds[-1]
            most = max(self._pieces, int(limit / costs[begin]) + 1)
            # Sorted by length, so that the last clip's is what all are padded to.
            padded = np.arange(1, min(most, len(costs) - begin) + 1) * costs[begin : begin + most]
            fitting = _even(int(np.searchsorted(padded, limit, "right")))
            bounds.append(begin + max(min(self._pieces, len(padded)), fitting))
        if bounds[-1] - bounds[-2] < self._pieces and len(bounds) > 2:
            # The longest are too few for all pieces: they get some of the step before, or become part of it.
            bounds[-2] = bounds[-1] - self._pieces
            if bounds[-2] - bounds[-3] < self._pieces:
                del bounds[-2]
        return np.asarray(bounds)


def _counted(rows: np.ndarray) -> np.ndarray:
    """How many of the same row stand before each, where equal ones stand side by side."""
    begins = np.flatnonzero(np.diff(rows, prepend=-1))
    return (np.arange(len(rows)) - np.repeat(begins, np.diff(begins, append=len(rows)))).astype(np.int32)


def _shaken(lengths: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return lengths * (1 + _JITTER * (generator.random(len(lengths), np.float32) - 0.5))


def _even(clips: int) -> int:
    """So many clips, or somewhat fewer, that two, four or eight processes can share them without one having more."""
    share = 2 ** min(3, max(0, clips.bit_length() - 3))
    return clips // share * share

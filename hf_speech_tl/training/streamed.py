"""Batches of recordings that come in row groups over a network: each group is fetched once an epoch, by one process."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike

from hf_speech_tl.training.batches import Batches
from hf_speech_tl.training.cutting import costs_of, cut_alike

WINDOW = 14_400.0  # seconds of audio: as FLAC some 250 MB, and clips enough to find others of the same length


@dataclass
class StreamedBatches(torch.utils.data.Sampler):
    """Lists of row numbers as `Batches` gives them, in an order in which reading is nearly sequential.

    An epoch's row groups are shuffled and cut into windows. The groups of a window are dealt out over the processes, to
    each about as much work, and nobody else fetches them. A process sorts the clips of its window by length and cuts
    them into pieces that cost alike; in the same step, all compute the piece of the same place in the order of cost.
    All this follows from the arguments: any position is found without the ones before it, by planning one window.

    Every epoch has the same number of steps, on all processes, and holds each row once. What a step holds depends on
    how many processes there are: going on with another number, a run would hear some rows of its epoch twice and some
    not at all.

    groups: the number of each row's row group, from 0, none left out; at least as many as processes.
    weights: how often an epoch holds each row: a group is taken as often as its rows are to be on average, drawn anew
    every epoch where that is a fraction, and need not be fetched where it is not taken.
    window: seconds of audio that a process holds at once, about so many.
    The others are those of `Batches`.
    """

    seconds: ArrayLike
    groups: ArrayLike
    batch_seconds: float
    seed: int
    count: int = 0
    start: int = 0
    process: int = 0
    processes: int = 1
    accumulation: int = 1
    weights: ArrayLike | None = None
    quadratic: float = math.inf
    window: float = WINDOW
    # Of the batch that was given out last: its epoch, and which of its row's copies in that batch each clip is, from 0.
    epoch: int = field(default=0, init=False)
    copies: list[int] = field(default_factory=list, init=False)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[list[int]]:
        done = self.start
        while done < self.count:
            self.epoch, at = divmod(done, self.per_epoch())
            windows, bounds = self._epoch(self.epoch)
            first = bisect_right(bounds, at) - 1
            for number in range(first, len(windows)):
                pieces = self._window(windows[number], bounds[number + 1] - bounds[number], number)
                for piece in pieces[max(0, at - bounds[number]) :]:
                    rows = piece.tolist()
                    self.copies = [rows[:at].count(row) for at, row in enumerate(rows)]
                    yield rows
                    done += 1
                    if done == self.count:
                        return

    def per_epoch(self) -> int:
        """Micro-batches of one process in one pass over the data."""
        return self._steps * self.accumulation

    def ahead(self) -> int:
        """How many micro-batches before it is needed a recording should be sent for: those of half a window, so that a
        window is there when the one before it ends."""
        return max(1, self.per_epoch() // self._windows // 2)

    def _epoch(self, epoch: int) -> tuple[list[np.ndarray], list[int]]:
        """The groups of each window, and how many micro-batches come before it; at the end, how many there are."""
        generator = np.random.default_rng([self.seed, epoch])
        groups = generator.permutation(self._drawn(generator.random()))
        # As many groups for each process, but in the last window, where those that are left over are one more for some.
        rounds = len(groups) // self.processes
        windows = min(self._windows, rounds)
        ends = np.cumsum([len(part) for part in np.array_split(np.arange(rounds), windows)]) * self.processes
        work = np.concatenate([[0.0], np.cumsum(self._work[groups])])
        bounds = np.round(work[[0, *ends[:-1], -1]] / work[-1] * self._steps).astype(np.int64)
        # A step at least for each, though its groups were tiny.
        places = np.arange(windows + 1)
        bounds = np.minimum(np.maximum.accumulate(bounds - places) + places, self._steps - windows + places)
        return np.split(groups, ends[:-1]), (bounds * self.accumulation).tolist()

    def _drawn(self, offset: float) -> np.ndarray:
        """The groups of an epoch, each as often as its weight says: always as many."""
        ends = np.cumsum(self._weights)
        places = np.arange(max(self.processes, round(float(ends[-1])))) + offset
        return np.minimum(np.searchsorted(ends, places, side="right"), len(ends) - 1).astype(np.int32)

    def _window(self, groups: np.ndarray, pieces: int, number: int) -> list[np.ndarray]:
        """The micro-batches of this process in a window of these groups."""
        rows = np.concatenate([self._rows[slice(*self._starts[at : at + 2])] for at in self._dealt(groups)])
        rows = rows[np.argsort(-self._lengths[rows], kind="stable")]
        rows = np.resize(rows, max(len(rows), pieces))  # with fewer clips than pieces, everybody still has one
        costs = costs_of(self._lengths[rows].astype(np.float64), self.quadratic)
        bounds = cut_alike(costs, pieces)
        by_cost = np.argsort(np.diff(bounds) * costs[bounds[:-1]], kind="stable")
        order = by_cost[np.random.default_rng([self.seed, self.epoch, number]).permutation(pieces)]
        return [rows[bounds[at] : bounds[at + 1]] for at in order]

    def _dealt(self, groups: np.ndarray) -> np.ndarray:
        """Those of a window's groups that are this process's: in each round one, the largest to whom has least."""
        groups = groups[np.argsort(-self._work[groups], kind="stable")]
        owners, held = np.empty(len(groups), np.int32), np.zeros(self.processes)
        for begin in range(0, len(groups), self.processes):
            dealt = groups[begin : begin + self.processes]
            turn = np.argsort(held, kind="stable")[: len(dealt)]
            owners[begin : begin + len(dealt)] = turn
            held[turn] += self._work[dealt]
        return groups[owners == self.process]

    @cached_property
    def _lengths(self) -> np.ndarray:
        return np.asarray(self.seconds, np.float32)

    @cached_property
    def _rows(self) -> np.ndarray:
        """All rows, those of a group together: int32."""
        return np.argsort(np.asarray(self.groups), kind="stable").astype(np.int32)

    @cached_property
    def _starts(self) -> np.ndarray:
        """Where in `_rows` each group begins, and the end."""
        return np.concatenate([[0], np.cumsum(np.bincount(np.asarray(self.groups)))])

    @cached_property
    def _weights(self) -> np.ndarray:
        """Of each group, the mean of its rows'."""
        if self.weights is None:
            return np.ones(len(self._starts) - 1)
        return np.bincount(np.asarray(self.groups), np.asarray(self.weights, np.float32)) / np.diff(self._starts)

    @cached_property
    def _windows(self) -> int:
        """Of an epoch."""
        seconds = float(np.bincount(np.asarray(self.groups), self._lengths) @ self._weights)
        return max(1, min(round(seconds / self.processes / self.window), self._steps))

    @cached_property
    def _work(self) -> np.ndarray:
        """Micro-batches that each group fills, `(groups,)`, where there are enough clips of each length."""
        limit = self.batch_seconds / self.processes / self.accumulation
        limit *= 1 + float(self._lengths.mean()) / self.quadratic
        return np.bincount(np.asarray(self.groups), 1 / np.maximum(1, limit // costs_of(self._lengths, self.quadratic)))

    @property
    def _steps(self) -> int:
        """Of an epoch."""
        filled = float(self._work @ self._weights)
        return max(1, round(filled / self.processes / self.accumulation))


Order: TypeAlias = Batches | StreamedBatches

"""Batches loaded ahead of the step that needs them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import torch
from torch.utils.data import DataLoader

from hf_speech_tl.corpora import stop_fetching
from hf_speech_tl.decoding import announced
from hf_speech_tl.training.augmented import Passes
from hf_speech_tl.training.clips import Batch, Clip, Clips
from hf_speech_tl.training.streamed import WINDOW, Order, StreamedBatches

_AHEAD = 3  # batches
_EXPECTED = 4  # batches before which what is far away is sent for, where nothing else says how many
_THREADS = 8  # each decodes some 800 times as fast as real time


class Loader(DataLoader):
    """The batches of `batches` in their order, padded.

    While a GPU computes, threads decode what comes next: the libraries that decode and resample let go of Python's
    lock, and what the clips keep and know of bad recordings stays in this process. On a CPU each batch is loaded when
    it is asked for, because a thread more would only take the training's time.
    """

    def __init__(
        self, clips: Clips, batches: Order, collate: Callable[[list[Clip]], Batch], device: torch.device
    ) -> None:
        """collate: makes a batch of clips."""
        super().__init__(
            clips,
            batch_sampler=Passes(batches),
            collate_fn=collate,
            # One of its own keeps the loader's seed out of torch's stream, which a resumed run restores.
            generator=torch.Generator(),
        )
        self._clips = clips
        self._pinned = device.type == "cuda"
        # Batches with clips from everywhere would want a row group for each, unless there are not many in all.
        self._alone = not isinstance(batches, StreamedBatches) and float(clips.seconds.sum()) > WINDOW
        self._batches = batches
        self._threads = min(_THREADS, os.cpu_count() or 1) if device.type == "cuda" else 0

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        batches: Iterator[list[tuple[int, int]]] = iter(self.batch_sampler)  # type: ignore[arg-type]
        if self._clips.far:
            batches = self._expected(batches)
        if self._threads:
            return self._ahead(batches)
        if self._clips.far:
            return (self.collate_fn(self._clips.alike(rows, [self._clips[row] for row in rows])) for rows in batches)
        return super().__iter__()

    def _expected(self, batches: Iterator[list[tuple[int, int]]]) -> Iterator[list[tuple[int, int]]]:
        """The same batches; of each the clips have been sent for some batches before."""

        def expect(rows: list[tuple[int, int]]) -> None:
            self._clips.expect([row for row, _ in rows], alone=self._alone)

        ahead = self._batches.ahead() if isinstance(self._batches, StreamedBatches) else _EXPECTED
        try:
            yield from announced(batches, expect, ahead)
        except GeneratorExit:  # the rest is not wanted
            stop_fetching()
            raise

    def _ahead(self, batches: Iterator[list[tuple[int, int]]]) -> Iterator[Batch]:
        with ThreadPoolExecutor(self._threads) as pool:

            def start(rows: list[tuple[int, int]]) -> tuple[list[tuple[int, int]], list[Future]]:
                return rows, [pool.submit(self.dataset.__getitem__, row) for row in rows]

            coming = deque(map(start, islice(batches, _AHEAD)))
            try:
                while coming:
                    rows, loading = coming.popleft()
                    clips = self._clips.alike(rows, [future.result() for future in loading])
                    coming.extend(map(start, islice(batches, 1)))
                    yield self._finished(self.collate_fn(clips))
            except BaseException:
                if self._clips.far:  # the threads, for which the pool waits, wait for what comes from there
                    stop_fetching()
                raise
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _finished(self, batch: Batch) -> Batch:
        if not self._pinned:
            return batch
        return {key: value.pin_memory() if torch.is_tensor(value) else value for key, value in batch.items()}  # type: ignore[return-value]

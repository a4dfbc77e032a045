"""Greedy CTC decoding: the best symbol of every frame, repeats merged, blanks dropped."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.distributed.fsdp import FSDPModule
from transformers import PreTrainedConfig, PreTrainedModel

from hf_speech_tl.audio import BadAudio
from hf_speech_tl.models import (
    FeatureExtractor,
    Vocabulary,
    alike,
    encoder_config,
    for_inference,
    frame_rate,
    hears_padding,
    logits_of,
    pad,
)

# Of a batch, the numbers that a layer's states may be on a CPU, where small ones stay in its cache: 12 s of audio for a
# base model, which heard 19 in a second so and 14 in batches of 40; 36 for the starter, 1.3 times as fast as 12.
_CPU_STATES = 460_800
_CPU_SECONDS = 40.0  # at most
_GPU_SECONDS = 60.0  # of padded audio, to keep it busy
_WORKERS = 4  # batches at once on a CPU: with a clip of two minutes each, what attention asks for adds up
_GPU_WORKERS = 2  # one decodes while the other computes
_ANNOUNCED = 8  # batches
_Batch = TypeVar("_Batch")


@dataclass(frozen=True)
class Recognition:
    """The text of one clip; how sure the model was (geometric mean of the chosen symbols' probabilities, blanks left
    out; 0 where all frames are blank); and the share of its frames that are blank."""

    text: str
    confidence: float
    blank_share: float


def recognise(
    model: PreTrainedModel,
    feature_extractor: FeatureExtractor,
    vocabulary: Vocabulary,
    load: Callable[[int], np.ndarray],
    seconds: Sequence[float],
    *,
    batch_seconds: float | None = None,
    dtype: torch.dtype = torch.float32,
) -> list[Recognition]:
    """As recognise_each, in the order of the clips; raises BadAudio where one cannot be loaded."""
    found: dict[int, Recognition] = {}
    for index, heard in recognise_each(
        model, feature_extractor, vocabulary, load, seconds, batch_seconds=batch_seconds, dtype=dtype
    ):
        if isinstance(heard, BadAudio):
            raise heard
        found[index] = heard
    return [found[index] for index in range(len(seconds))]


def recognise_each(
    model: PreTrainedModel,
    feature_extractor: FeatureExtractor,
    vocabulary: Vocabulary,
    load: Callable[[int], np.ndarray],
    seconds: Sequence[float],
    *,
    batch_seconds: float | None = None,
    dtype: torch.dtype = torch.float32,
    expect: Callable[[Sequence[int]], None] | None = None,
) -> Iterator[tuple[int, Recognition | BadAudio]]:
    """Recognise `len(seconds)` clips, the longest first; yields the number of each with what was heard, or the BadAudio
    that `load` raised for it.

    `load(i)` gives the samples of clip i, `(samples,)` at 16 kHz, in its turn and in a thread of a worker: a worker
    takes a batch from its files to its texts, and nothing else of a clip is held than its text. On a CPU each core is a
    worker, of four at most, as a core is used better by a batch of its own than by a share of each product of matrices.
    expect: hears of the clips of each batch some batches before they are loaded, for what has to be fetched from far.
    Clips of similar length share a batch. Where a model hears its padding, text would depend on the neighbours: there,
    clips go one by one, as transformers' pipeline takes them.
    """
    workers, usual = at_once(model.config, on_cpu=model.device.type == "cpu")
    if batch_seconds is None or usual == 0:
        batch_seconds = usual
    threads = torch.get_num_threads()
    training, sharded = model.training, isinstance(model, FSDPModule)
    if sharded:
        workers = 1  # every forward pass is all processes' work, and they have to meet in the same one
    quick = model.eval() if sharded else for_inference(model)

    def recognised(clips: list[np.ndarray]) -> list[Recognition]:
        """In halves where a batch does not fit into a GPU's memory."""
        try:
            return _recognise_batch(quick, feature_extractor, vocabulary, clips, dtype)
        except torch.OutOfMemoryError:
            if len(clips) == 1 or sharded:
                raise
        torch.cuda.empty_cache()  # not in there: the exception holds on to what the attempt had computed
        middle = len(clips) // 2
        return recognised(clips[:middle]) + recognised(clips[middle:])

    def answer(indices: list[int]) -> list[tuple[int, Recognition | BadAudio]]:
        clips: list[np.ndarray] = []
        good: list[int] = []
        heard: list[tuple[int, Recognition | BadAudio]] = []
        for index in indices:
            try:
                clips.append(load(index))
                good.append(index)
            except BadAudio as fault:
                heard.append((index, fault))
        if good:
            heard += zip(good, recognised(clips), strict=True)
        return heard

    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(max(1, threads // workers),)) as pool:
        waiting: deque[Future[list[tuple[int, Recognition | BadAudio]]]] = deque()
        try:
            batches = alike(seconds, batch_seconds)
            for batch in announced(batches, expect, _ANNOUNCED) if expect else batches:
                waiting.append(pool.submit(answer, batch))
                if len(waiting) > workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
            if sharded:
                model.train(training)
            torch.set_num_threads(threads)  # else threads that start later would take the number of the workers


def announced(batches: Iterable[_Batch], expect: Callable[[_Batch], None], ahead: int) -> Iterator[_Batch]:
    """The same batches; of each, `expect` was told when the one `ahead` before it came."""
    coming: deque[_Batch] = deque()
    for batch in batches:
        expect(batch)
        coming.append(batch)
        if len(coming) > ahead:
            yield coming.popleft()
    yield from coming


def at_once(config: PreTrainedConfig, *, on_cpu: bool) -> tuple[int, float]:
    """How many batches are recognised at the same time, and seconds of padded audio in each; 0 where clips go alone.

    A batch has one clip at least, however long that is.
    """
    alone = hears_padding(config)
    if not on_cpu:
        return _GPU_WORKERS, 0.0 if alone else _GPU_SECONDS
    seconds = min(_CPU_SECONDS, _CPU_STATES / (frame_rate(config) * encoder_config(config).hidden_size))
    return min(torch.get_num_threads(), _WORKERS), 0.0 if alone else seconds


def _recognise_batch(
    model: PreTrainedModel,
    feature_extractor: FeatureExtractor,
    vocabulary: Vocabulary,
    clips: Sequence[np.ndarray],
    dtype: torch.dtype,
) -> list[Recognition]:
    # Both modes are a thread's own.
    precision = contextlib.nullcontext() if dtype == torch.float32 else torch.autocast(model.device.type, dtype)
    with torch.inference_mode(), precision:
        inputs, mask = (tensor.to(model.device) for tensor in pad(feature_extractor, clips))
        logits, frames = logits_of(model, model.config, inputs, mask)
        ids, sums = _best(logits.float(), frames, vocabulary.blank)
    rows = zip(ids.tolist(), sums.tolist(), frames.tolist(), strict=True)
    return [
        Recognition(vocabulary.decode(best[:count]), confidence, blank_share)
        for best, (confidence, blank_share), count in rows
    ]


def _best(logits: Tensor, frames: Tensor, blank: int) -> tuple[Tensor, Tensor]:
    """The best ids `(batch, frames)`, and the confidence and share of blanks of each clip `(batch, 2)`.

    logits: `(batch, frames, symbols)`; frames: how many of each clip count, `(batch,)`. All of it is computed where the
    logits are, so that they need not travel.
    """
    highest, ids = logits.max(-1)
    log_probabilities = highest - logits.logsumexp(-1)
    own = torch.arange(logits.shape[1], device=logits.device) < frames[:, None]
    spoken = own & (ids != blank)
    count = spoken.sum(-1)
    mean = (log_probabilities * spoken).sum(-1) / count.clamp(min=1)
    confidence = mean.exp() * (count > 0)
    return ids, torch.stack([confidence, 1 - count / frames.clamp(min=1)], -1)

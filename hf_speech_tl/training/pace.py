"""How fast a step is here, measured before the run: it decides the precision and, for --max-minutes, the steps."""

from __future__ import annotations

import contextlib
import copy
import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.utils.data import DataLoader

from hf_speech_tl.training.batches import Batches
from hf_speech_tl.training.clips import Batch

_TRIALS = 5  # of each precision
_STEPS = 20
_PATIENCE = 20.0  # seconds for the trials: a large model's own slowness says enough after one
_GAIN = 0.9  # bf16 has to take less than this share of the time; below, its rounding is not worth it
_SIDE = 512  # of the matrices that show whether this CPU has instructions for bf16 at all; if not, they take a second
_EMULATED = 4.0  # times slower than fp32; 200 were seen without such instructions, 0.1 to 0.5 with them


@dataclass(frozen=True)
class Pace:
    """precision: float32 or bfloat16. step_seconds: a step of one micro-batch with its loading, None if not measured.

    gain: how many times faster bfloat16 was, None where a whole step of it was not tried.
    """

    precision: str
    step_seconds: float | None
    gain: float | None


def measure_pace(
    model: nn.Module,
    loader: DataLoader,
    loss_of: Callable[[nn.Module, Batch], torch.Tensor],
    optimiser_of: Callable[[nn.Module, str], torch.optim.Optimizer],
    *,
    precision: str,
    count_steps: bool,
    device: torch.device,
) -> Pace:
    """Time real steps on a copy of the model, so that the run itself starts from untouched weights.

    optimiser_of: gives the optimiser for a model and a precision. precision: float32, bfloat16, or auto, which on a CPU
    tries both in turn on the same batches. count_steps: whether the time of a step is wanted, or only the precision.
    """
    if precision == "auto" and device.type == "cuda":
        precision = "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    # Without instructions for it, a CPU multiplies bf16 hundreds of times slower: one step would take minutes.
    if precision == "auto" and _is_bfloat16_emulated():
        precision = "float32"
    if precision != "auto" and not count_steps:
        return Pace(precision, None, None)
    trial = copy.deepcopy(model).to(device).train()

    def gradient(batch: Batch, chosen: str) -> float:
        begin = time.perf_counter()
        moved = {key: value.to(device) if torch.is_tensor(value) else value for key, value in batch.items()}
        autocast = torch.autocast(device.type, torch.bfloat16) if chosen == "bfloat16" else contextlib.nullcontext()
        with autocast:
            loss = loss_of(trial, moved)  # type: ignore[arg-type]
        loss.backward()
        return time.perf_counter() - begin

    gain = None
    if precision == "auto":
        began = time.perf_counter()
        ratios: list[float] = []
        for batch in itertools.islice(loader, _TRIALS + 1):
            ratios.append(gradient(batch, "float32") / gradient(batch, "bfloat16"))
            if time.perf_counter() - began > _PATIENCE:
                break
        # The first pair pays for what is set up once, unless it is all there is.
        gain = statistics.median(ratios[1:] or ratios)
        precision = "bfloat16" if 1 / gain < _GAIN else "float32"
    if not count_steps:
        return Pace(precision, None, gain)
    optimiser = optimiser_of(trial, precision)
    batches = iter(loader)
    times: list[float] = []
    while len(times) < _STEPS and sum(times) < 3 * _PATIENCE:
        begin = time.perf_counter()
        optimiser.zero_grad()
        gradient(next(batches), precision)
        optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return Pace(precision, statistics.fmean(times), gain)


def _is_bfloat16_emulated() -> bool:
    """Whether bfloat16 takes this CPU so much longer than float32 that it can have no instructions for it."""

    def seconds(dtype: torch.dtype) -> float:
        matrix = torch.ones(_SIDE, _SIDE, dtype=dtype)
        times = []
        for _ in range(2):  # the first product pays for what is set up once
            begin = time.perf_counter()
            matrix @ matrix
            times.append(time.perf_counter() - begin)
        return min(times)

    return seconds(torch.bfloat16) > _EMULATED * seconds(torch.float32)


def first_batches(batches: Batches) -> Batches:
    """Micro-batches like the run's own, in their order, enough to measure by."""
    return replace(batches, count=_STEPS, start=0)

"""How fast a step is here, measured before the run: it decides the precision and, for --max-minutes, the steps."""

from __future__ import annotations

import contextlib
import copy
import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader

from hf_speech_tl.training.batches import Batches
from hf_speech_tl.training.clips import Batch

_TRIALS = 5  # of each precision
_STEPS = 20
_GAIN = 0.9  # bf16 has to take less than this share of the time; below, its rounding is not worth it


@dataclass(frozen=True)
class Pace:
    """precision: float32 or bfloat16; step_seconds: an optimiser step of one micro-batch, in seconds.

    gain: how many times faster bfloat16 was, None where it was not tried.
    """

    precision: str
    step_seconds: float
    gain: float | None


def measure_pace(
    model: nn.Module,
    loader: DataLoader,
    loss_of: Callable[[nn.Module, Batch], torch.Tensor],
    optimiser_of: Callable[[nn.Module], torch.optim.Optimizer],
    *,
    precision: str,
    device: torch.device,
) -> Pace:
    """Time real steps on a copy of the model, so that the run itself starts from untouched weights.

    precision: float32, bfloat16, or auto, which tries both in turn on the same batches.
    """
    trial = copy.deepcopy(model).to(device).train()
    optimiser = optimiser_of(trial)
    batches = itertools.cycle(itertools.islice(loader, _STEPS))

    def step(batch: Batch, chosen: str) -> float:
        moved = {key: value.to(device) if torch.is_tensor(value) else value for key, value in batch.items()}
        begin = time.perf_counter()
        autocast = torch.autocast(device.type, torch.bfloat16) if chosen == "bfloat16" else contextlib.nullcontext()
        with autocast:
            loss = loss_of(trial, moved)  # type: ignore[arg-type]
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - begin

    gain = None
    if precision == "auto":
        pairs = []
        for batch in itertools.islice(batches, _TRIALS + 1):
            pairs.append((step(batch, "float32"), step(batch, "bfloat16")))
        # The first pair pays for what is set up once.
        gain = statistics.median(single / half for single, half in pairs[1:])
        precision = "bfloat16" if 1 / gain < _GAIN else "float32"
    times = [step(batch, precision) for batch in itertools.islice(batches, _STEPS)]
    return Pace(precision, statistics.fmean(times), gain)


def first_batches(batches: Batches) -> Batches:
    """The sampler of the run's own first batches."""
    return Batches(batches.seconds, batches.batch_seconds, batches.seed, _STEPS)

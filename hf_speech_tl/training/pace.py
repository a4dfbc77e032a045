"""How fast a step is here, measured before the run: it decides the precision and, for --max-minutes, the steps."""

from __future__ import annotations

import copy
import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.utils.data import DataLoader

from hf_speech_tl.models import is_bfloat16_emulated
from hf_speech_tl.training.clips import Batch
from hf_speech_tl.training.splitting import in_fitting_parts, part_of
from hf_speech_tl.training.streamed import Order

_PRECISIONS = ("float32", "bfloat16")
_TRIALS = 5  # of each precision
_HEARD = 10.0  # seconds of audio in a trial, about: enough to be slow, and a base model is done after some
_STEPS = 20
_PATIENCE = 20.0  # seconds for the trials: a large model's own slowness says enough after one
_CLEAR = 1.4  # times as fast as float32: so much, over some seconds, and the first step need not wait for more trials
_LASTING = 3.0  # seconds of trials that outlast what else a machine has to do for a moment
_GAIN = 0.9  # bf16 has to take less than this share of the time; below, its rounding is not worth it


@dataclass(frozen=True)
class Pace:
    """precision: float32 or bfloat16. gain: how many times faster bfloat16 was, None where no step of it was tried.

    step_seconds: a step of one micro-batch with its loading, None if not measured. first_seconds: what it takes more in
    the first epoch, when what is kept for the later ones is made.
    """

    precision: str
    gain: float | None = None
    step_seconds: float | None = None
    first_seconds: float = 0.0


def choose_precision(
    model: nn.Module, loader: DataLoader, loss_of: Callable[[nn.Module, Batch], torch.Tensor], device: torch.device
) -> Pace:
    """bfloat16 where it is to be had and, on a CPU, where it is faster on the same batches; else float32.

    What counts is the second time that a batch is heard, where there is time for it. At the first, oneDNN makes code
    for products of new sizes, in bfloat16 most of all: up to half as long again for ten seconds of audio. A step has
    more of it, and in fine-tuning its sizes come again.
    """
    if device.type == "cuda":
        return Pace("bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32")
    # Without instructions for it, a CPU multiplies bf16 hundreds of times slower: one step would take minutes.
    if is_bfloat16_emulated():
        return Pace("float32")
    trial = copy.deepcopy(model).to(device).train()
    began = time.perf_counter()
    ratios: list[float] = []
    for batch in map(_some, itertools.islice(loader, _TRIALS)):
        times = [_timed(trial, batch, loss_of, precision, device) for precision in _PRECISIONS]
        if time.perf_counter() - began < _PATIENCE:
            times = [_timed(trial, batch, loss_of, precision, device) for precision in _PRECISIONS]
        ratios.append(times[0] / times[1])
        gain = statistics.median(ratios)
        if time.perf_counter() - began > (_LASTING if gain > _CLEAR else _PATIENCE):
            break
    return Pace("bfloat16" if 1 / gain < _GAIN else "float32", gain)


def measure_steps(
    model: nn.Module,
    loader: DataLoader,
    loss_of: Callable[[nn.Module, Batch], torch.Tensor],
    optimiser_of: Callable[[nn.Module], torch.optim.Optimizer],
    *,
    precision: str,
    device: torch.device,
) -> tuple[float, int]:
    """Seconds that a step takes, and how many were tried, on a copy of the model: the run's own is left untouched."""
    trial = copy.deepcopy(model).to(device).train()
    optimiser = optimiser_of(trial)
    batches = iter(loader)
    times: list[float] = []

    def backward(part: Batch) -> torch.Tensor:
        return _backward(trial, part, loss_of, precision, device)

    while len(times) < _STEPS and sum(times) < 3 * _PATIENCE:
        begin = time.perf_counter()
        optimiser.zero_grad()
        # A batch that memory has no room for is computed in halves, as in training.
        in_fitting_parts(next(batches), backward, optimiser.zero_grad, [])
        optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return statistics.fmean(times), len(times)


def _timed(
    model: nn.Module,
    batch: Batch,
    loss_of: Callable[[nn.Module, Batch], torch.Tensor],
    precision: str,
    device: torch.device,
) -> float:
    begin = time.perf_counter()
    _backward(model, batch, loss_of, precision, device)
    return time.perf_counter() - begin


def _some(batch: Batch) -> Batch:
    """As many clips of a batch as a trial hears, one at least."""
    clips = len(batch["ids"])
    return part_of(batch, slice(0, max(1, round(clips * min(1.0, _HEARD / batch["seconds"])))))


def _backward(
    model: nn.Module,
    batch: Batch,
    loss_of: Callable[[nn.Module, Batch], torch.Tensor],
    precision: str,
    device: torch.device,
) -> torch.Tensor:
    moved = {key: value.to(device) if torch.is_tensor(value) else value for key, value in batch.items()}
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        loss = loss_of(model, moved)  # type: ignore[arg-type]
    loss.backward()
    return loss.detach()


def first_batches(batches: Order) -> Order:
    """Micro-batches like the run's own, in their order, enough to measure by."""
    return replace(batches, count=_STEPS, start=0)

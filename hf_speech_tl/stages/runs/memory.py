"""Whether a run fits into memory: in how many pieces a step is computed, and what the run holds at most."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import math
import sys
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import psutil
import torch
from accelerate import PartialState
from peft import PeftModel
from transformers import PreTrainedModel

from hf_speech_tl.decoding import at_once
from hf_speech_tl.models import Cost, cost_of
from hf_speech_tl.stages.runs.plan import size
from hf_speech_tl.stages.runs.recipe import Recipe
from hf_speech_tl.training import bytes_of_samples, free_memory, room_for_clips, state_bytes

_USED = 0.8  # of what is free: other programs want some
# On a CPU glibc keeps the room that freed tensors leave, and not every new one fits into it. Where freed memory went
# back at once, runs grew by what a rehearsal counts, but a step took half as long again; as it is, they grow by more.
# How much, no rule says: with this factor of what a step computes, the estimates for a starter and a base model, full
# and LoRA, were 2 to 5 % too low (docs/speed.md, Memory).
_HOLES = 1.4


@dataclass(frozen=True)
class Fit:
    """recipe: cut into micro-batches that fit; cost: with checkpointing, where that is used.

    needed: bytes that a process, or on a GPU its model, holds at the peak, but for the clips that it keeps; free: bytes
    that it may hold. room: bytes that clips may be kept in; clips: those of them that count beside `needed`, none on a
    GPU, for clips are kept in the machine's memory.
    """

    recipe: Recipe
    cost: Cost
    checkpointed: bool
    needed: int
    free: int
    room: float
    clips: float

    @property
    def peak(self) -> int:
        """Bytes held at the peak."""
        return round(self.needed + self.clips)

    @property
    def fits(self) -> bool:
        return self.needed <= self.free


def fit_memory(
    model: PreTrainedModel | PeftModel,
    recipe: Recipe,
    seconds: np.ndarray,
    processes: PartialState,
    *,
    recognised: float,
    checkpointing: str,
) -> Fit:
    """Cut the steps as small as memory wants it; then, where `checkpointing` is auto, switch that on.

    seconds: of the training clips; recognised: of the longest clip of validation and test.
    """
    cost = cost_of(model)
    fit = _cut(model, recipe, cost, seconds, recognised, processes)
    if checkpointing == "always" or (checkpointing == "auto" and not fit.fits):
        # Adapters may have wrapped the model; peft's own way would ask for gradients of frozen layers' inputs.
        inner = cast("PreTrainedModel", model.get_base_model() if isinstance(model, PeftModel) else model)
        inner.activation_checkpointing_enable()
        # Which clips a step hears must not hang on the memory that was free: a run goes on with the same ones.
        cost = replace(cost_of(model), quadratic=cost.quadratic)
        fit = replace(_cut(model, recipe, cost, seconds, recognised, processes), checkpointed=True)
    return fit


def _cut(
    model: PreTrainedModel | PeftModel,
    recipe: Recipe,
    cost: Cost,
    seconds: np.ndarray,
    recognised: float,
    processes: PartialState,
) -> Fit:
    on_cpu = processes.device.type == "cpu"
    held, free = _memory(cost, processes)
    holes = _HOLES if on_cpu else 1.0
    recognising = holes * _recognising(model, cost, recognised, processes)
    state = state_bytes(model, recipe.optimiser)
    average = cost.gradients if recipe.averaged else 0  # of what is trained, as large
    lengths = (float(seconds.min()), float(seconds.mean()), float(seconds.max()))
    limit = recipe.batch_seconds * (1 + lengths[1] / cost.quadratic)

    def clips(length: float, accumulation: int) -> int:
        """Of this length in a micro-batch."""
        step = limit / (length * (1 + length / cost.quadratic))
        return max(1, math.ceil(math.floor(step) / processes.num_processes / accumulation))

    def needed(accumulation: int) -> int:
        activations = max(clips(length, accumulation) * cost.training.of(length) for length in lengths)
        activations *= holes * (2 if recipe.consistency else 1)  # views of each clip
        # What the backward pass frees makes room for the gradients, unless they are there already.
        step = max(activations + (cost.gradients if accumulation > 1 else 0), cost.gradients)
        # The weights once more: of a copy that shows how fast a step is, then of the best ones so far. Later the
        # optimiser is gone, and the saved model is there, which is scored, and then compared with transformers' own.
        return round(held + cost.weights + max(average + state + max(step, recognising), cost.weights))

    accumulation = recipe.accumulation
    while needed(accumulation) > free and any(clips(length, accumulation) > 1 for length in lengths):
        accumulation += 1
    peak, room = needed(accumulation), room_for_clips()
    if on_cpu:  # a step comes first: a clip that is not kept is only made once more
        room = min(room, max(0.0, free - peak))
    kept = min(room, bytes_of_samples(float(seconds.sum()))) if on_cpu else 0.0
    return Fit(replace(recipe, accumulation=accumulation), cost, False, peak, free, room, kept)


def _recognising(model: PreTrainedModel | PeftModel, cost: Cost, longest: float, processes: PartialState) -> float:
    """Bytes that recognition holds: the longest clips come first, or as many as make up the batch of each worker."""
    workers, batch = at_once(model.config, on_cpu=processes.device.type == "cpu")
    lengths = (longest, min(longest, batch))
    return workers * max(max(1, batch // length) * cost.recognising.of(length) for length in lengths if length)


def _memory(cost: Cost, processes: PartialState) -> tuple[int, int]:
    """Bytes held already, with the model's weights, and bytes that may be held."""
    if processes.device.type == "cuda":
        return cost.weights, round(_USED * torch.cuda.mem_get_info(processes.device)[0])
    here = psutil.Process().memory_info().rss
    return here, here + round(_USED * free_memory())


def tell_memory(fit: Fit, smaller: str) -> str:
    """What a plan says of it. smaller: what may be done where it does not fit."""
    pieces = "" if fit.recipe.accumulation == 1 else f", a step in {fit.recipe.accumulation} micro-batches"
    told = f"about {size(fit.peak)} at most{pieces}"
    if fit.checkpointed:
        told += "; layers are computed again for their gradients (--gradient-checkpointing)"
    if not fit.fits:
        told += f"; only {size(fit.free)} are free: if it does not fit, {smaller}"
    return told


def give_back() -> None:
    """Give freed memory back to the system: what trained, and the room that the C library keeps for more of it.

    After LoRA on a base model that was a GB, beside which the saved model would be loaded and scored.
    """
    gc.collect()  # a Trainer and its callbacks refer to each other
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # of another C library than glibc
            ctypes.CDLL(None).malloc_trim(0)

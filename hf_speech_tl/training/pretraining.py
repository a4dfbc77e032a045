"""Pretraining as a task: an objective on clips without labels, its validation loss, and what a probe says."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

from hf_speech_tl.models import FeatureExtractor, alike, pad
from hf_speech_tl.training.arguments import evaluation_pause
from hf_speech_tl.training.clips import Batch, Clip, Clips
from hf_speech_tl.training.collapse import CollapseGuard
from hf_speech_tl.training.probe import Probe
from hf_speech_tl.training.task import Moment

_BATCH_SECONDS = 40.0  # of validation clips at once
_FILL = {"targets": -100, "masked": False, "negatives": 0}  # behind a clip; of targets that are not ids, 0

# What chance has to say about a clip in its epoch, by the name in a batch: masked `(frames,)` bool, negatives
# `(frames, count)` int64. It must depend on nothing but seed, epoch and utterance, so that a resumed run repeats.
Draw = Callable[[Clip], dict[str, np.ndarray]]


class Objective(Protocol):
    """A module around an encoder: `objective(batch)` is each utterance's loss, `(batch,)`, summed over its frames."""

    encoder: PreTrainedModel

    @property
    def config(self) -> PreTrainedConfig:
        """The encoder's."""

    def __call__(self, batch: Any) -> Tensor: ...

    def count(self, batch: Any) -> int:
        """How many frames of a batch count."""


@dataclass
class Pretraining:
    """draw: what of a batch is drawn; None for objectives that mask nothing. guard: knows what a step predicted, where
    there are codes. probe: None without transcripts.

    probed_at: the steps after which it is asked, as it takes some seconds.
    """

    objective: Objective
    feature_extractor: FeatureExtractor
    validation: Clips
    draw: Draw | None = None
    guard: CollapseGuard | None = None
    probe: Probe | None = None
    probed_at: frozenset[int] = frozenset()

    @property
    def metric(self) -> str:
        """The probe's letter error, or without one the validation loss."""
        return "probe_cer" if self.probe else "loss"

    def collate(self, clips: list[Clip]) -> Batch:
        """Clips as a batch, padded, with their targets and what is drawn of them."""
        inputs, mask = pad(self.feature_extractor, [clip["inputs"] for clip in clips])
        batch = Batch(
            inputs=inputs,
            attention_mask=mask,
            ids=[clip["id"] for clip in clips],
            seconds=sum(clip["seconds"] for clip in clips),
        )
        drawn = [self.draw(clip) if self.draw else {} for clip in clips]
        for clip, of_clip in zip(clips, drawn, strict=True):
            if clip["targets"] is not None:
                of_clip["targets"] = clip["targets"]
        batch.update({name: _padded(name, [of_clip[name] for of_clip in drawn]) for name in drawn[0]})  # type: ignore[typeddict-item]
        return batch

    def count(self, batch: Batch) -> int:
        """Frames that the objective counts."""
        return self.objective.count(batch)

    def losses(self, model: nn.Module, batch: Batch) -> Tensor:
        """The objective's, summed over an utterance's frames: `(batch,)`."""
        return model(batch)

    def figures(self) -> dict[str, float]:
        """What a collapse would show in."""
        return self.guard.figures() if self.guard else {}

    def evaluate(self, model: nn.Module, moment: Moment) -> dict[str, float]:
        """The validation loss, a frame; and at some steps the probe's letter error."""
        figures = {"loss": self._loss(model, moment)}
        if self.probe and moment.step in self.probed_at:
            began = time.monotonic()
            rate = [self.probe.error_rate(self.objective.encoder, moment.dtype)]
            # On a GPU processes may come to figures that differ in the last place, and must choose alike.
            figures["probe_cer"] = float(broadcast_object_list(rate)[0])
            figures["probe_seconds"] = time.monotonic() - began
        return figures

    def _loss(self, model: nn.Module, moment: Moment) -> float:
        device = moment.accelerator.device
        mine = moment.share(len(self.validation))
        total = torch.zeros(2, dtype=torch.float64)
        training = model.training
        model.eval()
        with torch.no_grad(), torch.autocast(device.type, moment.dtype, enabled=moment.dtype != torch.float32):
            for places in alike(self.validation.seconds[mine], _BATCH_SECONDS):
                batch = self.collate([self.validation[mine[place]] for place in places])
                moved: Any = {
                    key: value.to(device) if torch.is_tensor(value) else value for key, value in batch.items()
                }
                total += torch.tensor([model(moved).sum().item(), self.count(moved)], dtype=torch.float64)
        model.train(training)
        loss, count = moment.accelerator.reduce(total.to(device), "sum").tolist()
        return loss / max(1.0, count)


def probe_steps(steps: int, evaluations: int, probes: int) -> frozenset[int]:
    """After which steps to ask the probe: at `probes` of the evaluations, evenly spread, the last one among them."""
    every = evaluation_pause(steps, evaluations)
    evaluated = [*range(every, steps, every), steps]
    probes = min(probes, len(evaluated))
    return frozenset(evaluated[-1 - len(evaluated) * at // probes] for at in range(probes))


def _padded(name: str, arrays: Sequence[np.ndarray]) -> Tensor:
    """`(batch, frames, ...)` of arrays `(frames, ...)`, with what stands behind a clip for its padding."""
    first = arrays[0]
    fill = 0 if np.issubdtype(first.dtype, np.floating) else _FILL[name]
    padded = np.full((len(arrays), max(map(len, arrays)), *first.shape[1:]), fill, first.dtype)
    for row, array in enumerate(arrays):
        padded[row, : len(array)] = array
    return torch.from_numpy(padded)

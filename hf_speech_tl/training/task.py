"""What a run teaches: the part of training in which fine-tuning and pretraining differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from hf_speech_tl.training.clips import Batch, Clip, Clips


@dataclass(frozen=True)
class Moment:
    """When and how the validation clips are taken: after `step` of `steps`, in `dtype`, by these processes.

    sharded: every forward pass is the work of all processes (FSDP).
    """

    accelerator: Accelerator
    sharded: bool
    dtype: torch.dtype
    step: int
    steps: int

    @property
    def progress(self) -> float:
        """The share of the run that is done."""
        return self.step / self.steps

    def share(self, clips: int) -> range:
        """The numbers of the clips that this process takes, of so many."""
        if self.sharded:
            return range(clips)
        return range(self.accelerator.process_index, clips, self.accelerator.num_processes)


class Task(Protocol):
    """What is taught: a batch and its loss, and what the validation clips say of how well it was learnt."""

    validation: Clips

    @property
    def metric(self) -> str:
        """Of what `evaluate` returns the figure whose lowest value chooses the checkpoint that is kept."""

    def collate(self, clips: list[Clip]) -> Batch:
        """Clips as a batch."""

    def count(self, batch: Batch) -> int:
        """How much of a step's divisor is in a batch: its utterances, or its frames."""

    def losses(self, model: nn.Module, batch: Batch) -> Tensor:
        """The loss of each utterance, `(batch,)`, float32; a step divides their sum by its count."""

    def figures(self) -> dict[str, float]:
        """What beside its loss the log says of the step that is done; every process asks."""

    def evaluate(self, model: nn.Module, moment: Moment) -> dict[str, float]:
        """Figures by name; `metric` may be missing where it is not taken at each evaluation."""

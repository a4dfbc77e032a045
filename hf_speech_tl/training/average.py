"""The weights of a model, averaged over the steps of its training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

_SPAN = 0.1  # of the run's steps: the time in which a step's share in the average falls to 1/e


class WeightAverage(TrainerCallback):
    """The exponential moving average of what is trained, as the teacher in Tarvainen and Valpola 2017
    (arXiv:1703.01780).

    It begins as the weights before the first step, of which it holds less than 1e-4 at the end. Processes that train
    together have the same weights, and so the same average.

    weights: float32, by their names, beside those that are trained; empty before training begins. error: what the
    validation clips said of it in the end, None before.
    """

    def __init__(self, model: nn.Module) -> None:
        self.weights: dict[str, torch.Tensor] = {}
        self.error: float | None = None
        self._model = model

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        contiguous = torch.contiguous_format
        self.weights = {name: one.detach().clone(memory_format=contiguous) for name, one in self._trained().items()}
        self._update = get_ema_multi_avg_fn(1 - 1 / max(1.0, _SPAN * state.max_steps))

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._update([*self.weights.values()], [*self._trained().values()], None)

    def save(self, path: Path) -> None:
        """Write it beside the rest of a checkpoint."""
        save_file(self.weights, path)

    def restore(self, path: Path) -> None:
        """Go on from what a checkpoint holds; training has begun."""
        for name, weight in load_file(path).items():
            self.weights[name].copy_(weight)

    @torch.no_grad()
    def put_into_model(self) -> None:
        """The model's trained weights become their average; its buffers stay as they are."""
        for name, weight in self._trained().items():
            weight.copy_(self.weights[name])

    def _trained(self) -> dict[str, nn.Parameter]:
        return {name: weight for name, weight in self._model.named_parameters() if weight.requires_grad}

"""Two guards on the optimiser step: one against gradients that are not finite, one for a run that is asked to stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.distributed.tensor import DTensor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from hf_speech_tl.errors import RunError

_IN_A_ROW = 10
_PASSED_ON = 2.0  # seconds after a Ctrl-C in which another is a launcher's, which passes on what all have got already
# The last is what SLURM is usually told to send ahead of the end; Windows has none.
_ASKING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)]


class FiniteGradients(TrainerCallback):
    """Leaves out a step whose gradient is not finite, counts it, and stops the run after ten in a row.

    bf16 now and then gives such a gradient with a finite loss; clipping spreads it over all weights, and the stock
    Trainer then steps into a model of NaN. After all-reduce every process sees the same gradient and decides alike.
    """

    def __init__(self, batch_ids: Callable[[], list[str]]) -> None:
        """batch_ids: gives the ids of the utterances in the current step."""
        self.skipped = 0
        self.in_a_row = 0
        self._batch_ids = batch_ids

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        model: nn.Module = kwargs["model"]
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        if not gradients:  # all clips of the step were left out
            return
        if _are_finite(gradients):
            self.in_a_row = 0
            return
        # Without a gradient an optimiser leaves weights and moments as they are.
        model.zero_grad(set_to_none=True)
        self.skipped += 1
        self.in_a_row += 1
        if self.in_a_row >= _IN_A_ROW:
            names = ", ".join(self._batch_ids()[:8])
            raise RunError(
                f"the gradient was not finite {_IN_A_ROW} times in a row (step {state.global_step}, {names}): try "
                "--precision float32, a lower --learning-rate, or leave these recordings out."
            )


def _are_finite(gradients: list[torch.Tensor]) -> bool:
    """Whether all are, on every process: under FSDP each has a part of them."""
    sharded = [gradient for gradient in gradients if isinstance(gradient, DTensor)]
    own = [gradient.to_local() if isinstance(gradient, DTensor) else gradient for gradient in gradients]
    finite = nn.utils.get_total_norm(own).isfinite()
    if sharded:
        count = finite.int()
        torch.distributed.all_reduce(count, torch.distributed.ReduceOp.MIN)
        finite = count
    return bool(finite)


class Interruption(TrainerCallback):
    """Turns Ctrl-C and a polite kill into a checkpoint after the next step.

    Only a second Ctrl-C stops at once: a cluster may say the same twice, and means the time that it gives.

    asked: this process got the signal; agreed: some process did, as all of them know, and the run stops.
    """

    def __init__(self) -> None:
        self.asked = self.agreed = False
        self._first = 0.0
        self._before: dict[int, Any] = {}

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        for number in _ASKING:
            self._before[number] = signal.signal(number, self._note)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self.agreed:
            control.should_save = control.should_training_stop = True

    def restore(self) -> None:
        """Give the signals back to whoever had them."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if not self.asked:
            self.asked, self._first = True, time.monotonic()
        elif number == signal.SIGINT and time.monotonic() - self._first > _PASSED_ON:
            raise KeyboardInterrupt  # by somebody who does not want to wait for the step

"""Where a run ends before its last step: what it hears is learnt by heart, and what it has not heard gains nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

# Nats a symbol, with what --consistency adds. At the highest rate the error of weights that know much may rise for a
# quarter of the run before it falls to its lowest: alone it would end runs too soon (docs/length.md has the figures).
_BY_HEART = 0.5


@dataclass(frozen=True)
class Descent:
    """begins: the step of the evaluation that found it; ends: the step at which the rates are 0; best: the step whose
    weights it begins with."""

    begins: int
    ends: int
    best: int

    def share(self, step: int) -> float:
        """Of the rates at its begin, those of `step`."""
        return (self.ends - step) / (self.ends - self.begins)


class EarlyDescent(TrainerCallback):
    """Ends a run that has learnt its recordings by heart, when so many evaluations in a row brought no gain.

    Only a rate that falls makes weights as good as they can be, and weights that have learnt by heart do not come back
    from it. So the run goes back to its best weights, and half as many steps again as it has behind it bring the rates
    down to 0; where the planned end is as near as that, it is left alone. The optimiser's moments stay as they are: few
    steps make them anew.

    descent: None before it begins.
    """

    def __init__(
        self,
        model: nn.Module,
        patience: int | None,
        metric: str,
        best: Callable[[], Mapping[str, torch.Tensor] | None],
        rising: int,
    ) -> None:
        """patience: so many evaluations, None where no run is ended. metric: of which the lowest value is the best.
        best: the weights that gave it. rising: steps at the start in which some rate rises, and no run is ended.
        """
        self.descent: Descent | None = None
        self._model = model
        self._patience = patience
        self._metric = metric
        self._best = best
        self._rising = rising

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self.descent is not None or self._patience is None or state.global_step < self._rising:
            return
        found = find_descent(state.log_history, f"eval_{self._metric}", self._patience, state.max_steps)
        best = self._best()
        if found is not None and best is not None:
            self._model.load_state_dict(best, strict=False)  # without what is frozen
            self.follow(found, state)

    def follow(self, descent: Descent, state: TrainerState) -> None:
        """Go down, from here on or as a checkpoint says; the weights are already those to begin with."""
        self.descent = descent
        state.max_steps = descent.ends


def find_descent(history: Sequence[Mapping[str, float]], metric: str, patience: int, steps: int) -> Descent | None:
    """The descent that begins at the last evaluation in a log, whose lines have `step`, and a training `loss` or the
    `metric`; None where there is none. steps: of the whole run.
    """
    judged = [(line["step"], line[metric]) for line in history if metric in line and line["step"]]
    if len(judged) <= patience:
        return None
    at = min(range(len(judged)), key=lambda at: judged[at][1])
    now, since = int(judged[-1][0]), judged[-2][0]
    logged = [line for line in history if "loss" in line]
    losses = [line["loss"] for line in logged if line["step"] > since] or [line["loss"] for line in logged[-1:]]
    by_heart = bool(losses) and sum(losses) / len(losses) < _BY_HEART  # not where one is not a number
    ends = now + max(1, now // 2)
    if len(judged) - 1 - at < patience or not by_heart or ends >= steps:
        return None
    return Descent(now, ends, int(judged[at][0]))

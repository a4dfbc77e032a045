"""The temperature at which codes are drawn in contrastive pretraining."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedModel, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

_HIGHEST, _LOWEST = 2.0, 0.5
# wav2vec 2.0 BASE multiplies with 0.999995 a step, so that the lowest is reached after 277,258 of 400,000 steps.
_FALLING = 0.69


def gumbel_temperature(step: int, steps: int) -> float:
    """The temperature of the Gumbel softmax after `step` of `steps` steps: 2, falling to 0.5 (Baevski et al. 2020).

    The curve is the paper's for a model of the size BASE, over the length of this run: in a run of an hour, its factor
    a step would leave the temperature where it was. Which code is drawn does not depend on it, but how smoothly the
    gradient goes past the draw.
    """
    return max(_LOWEST, _HIGHEST * (_LOWEST / _HIGHEST) ** (step / max(1, steps) / _FALLING))


class GumbelTemperature(TrainerCallback):
    """Sets the temperature before each step by the number of the step alone, so that a resumed run has the same."""

    def __init__(self, model: PreTrainedModel) -> None:
        """model: a `*ForPreTraining` model."""
        self._quantiser = model.get_submodule("quantizer")

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._quantiser.temperature = gumbel_temperature(state.global_step, state.max_steps)  # type: ignore[assignment]

"""A guard on pretraining that has collapsed: the same code for every frame, or the same prediction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from accelerate import PartialState
from accelerate.utils import reduce
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from hf_speech_tl.errors import RunError
from hf_speech_tl.objectives import Tally

# Codes a group, of 320 in wav2vec 2.0. In reports of runs that collapsed it is 1 (transformers#14387, fairseq#1850), in
# those of runs that learn 9 and 13 in their first epochs, when it is lowest (fairseq#2981, fairseq#3391). Of two to ten
# codes in all, one and a tenth of the others.
_PERPLEXITY, _SHARE_OF_FEW = 2.0, 0.1
# Of predictions of different frames. Tiny models that collapsed had 0.995 and more; one from fresh weights that learned
# well with a high rate went through 0.986, another begins with 0.95, and where they have learned it is below 0.6.
_COSINE = 0.99
# The share of the run in which predictions may still be all the same: from fresh weights they begin almost so.
_SAME = 0.3
# A run is stopped after so many looks in a row, and so large a share of the run: some recover from a bad moment.
_LOOKS, _SHARE = 5, 0.02


class CollapseGuard(TrainerCallback):
    """Logs what was predicted in every step that is logged, and stops a run that has nothing left to learn from.

    A codebook of one code makes all negatives equal to their frame, so that the loss falls to 0 and looks splendid. All
    that decides stands in the log, over all processes: they decide alike, and a resumed run as an unbroken one.
    """

    def __init__(self, tally: Tally, *, begin: float, remedy: str) -> None:
        """tally: the objective's. begin: the share of the run from which a lack of codes counts: its warm-up, or later
        where the codes are predictions. remedy: what the user may do, as the end of a sentence."""
        self._tally = tally
        self._begin = begin
        self._remedy = remedy

    def figures(self) -> dict[str, float]:
        """What the log says of the step that is done; every process must ask."""
        total = self._tally.total().to(PartialState().device)  # where the processes can add it up
        figures = self._tally.figures_of(reduce(total, "sum"))
        if figures is None:
            return {}
        noun = self._tally.noun
        return {
            f"{noun}_perplexity": figures.perplexity,
            f"{noun}s_in_use": float(figures.used),
            "prediction_cosine": figures.cosine,
            "accuracy": figures.accuracy,
        }

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._tally.clear()

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        looks = [entry for entry in state.log_history if f"{self._tally.noun}_perplexity" in entry]
        needed = max(_LOOKS, round(_SHARE * state.max_steps / max(1, state.logging_steps)))
        reasons = self._reasons(reversed(looks[-needed:]), state.max_steps)
        if len(reasons) == needed:
            raise RunError(
                f"step {state.global_step}: {reasons[0]}, for the last {needed} times that it was looked at "
                f"({self._told(looks[-1])}). Such a run learns nothing more: {self._remedy}."
            )

    def _reasons(self, looks: Iterable[dict[str, float]], steps: int) -> list[str]:
        """Of looks, newest first, why each is bad, up to the first that is not."""
        found = []
        least = min(_PERPLEXITY, 1 + _SHARE_OF_FEW * (self._tally.codes - 1))
        for look in looks:
            done = look["step"] / max(1, steps)
            if done > self._begin and look[f"{self._tally.noun}_perplexity"] < least:
                found.append(f"all frames have almost the same {self._tally.noun}")
            elif done > max(self._begin, _SAME) and look["prediction_cosine"] > _COSINE:
                found.append("what is predicted is almost the same for all frames")
            else:
                break
        return found

    def _told(self, look: dict[str, float]) -> str:
        noun, codes = self._tally.noun, self._tally.codes
        return (
            f"{noun} perplexity {look[f'{noun}_perplexity']:.2f} of {codes}, {look[f'{noun}s_in_use']:.0f} of "
            f"{self._tally.groups * codes} {noun}s in use, cosine of predictions {look['prediction_cosine']:.3f}, "
            f"accuracy {look['accuracy']:.1%}"
        )

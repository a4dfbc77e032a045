"""How many steps a run has, whichever of minutes, steps and epochs ends first."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings import FinetuneSettings, RunSettings
from hf_speech_tl.stages.runs.output import write_json
from hf_speech_tl.training import Pace

# On a CPU, for somebody who did not say how long.
_DEFAULT_MINUTES = {"finetune": 8.0, "pretrain": 60.0}
# On a GPU: what the usual fine-tuning recipes of XLS-R take for some hours of speech; for pretraining a guess.
_DEFAULT_EPOCHS = {"finetune": 30.0, "pretrain": 50.0}
_EVALUATIONS = 16
_EVALUATION_COST = 0.4  # of a training step's time for the same audio; a guess: a forward pass is a third of it


@dataclass(frozen=True)
class Length:
    """steps: optimiser steps; stopped_by: the setting that fixed them; seconds: what it may take, None if unknown.

    gain: how many times faster bfloat16 was than float32, None where that was not tried. accumulation: micro-batches of
    a step, which depend on the memory that was free when the run began.
    """

    steps: int
    stopped_by: str
    evaluations: int
    precision: str
    seconds: float | None
    gain: float | None
    accumulation: int


def asked_length(settings: RunSettings, *, on_gpu: bool) -> tuple[float | None, float | None]:
    """Minutes and epochs, with ours where no length was asked for."""
    if (settings.max_minutes, settings.max_steps, settings.epochs) == (None, None, None):
        command = settings.command
        return (None, _DEFAULT_EPOCHS[command]) if on_gpu else (_DEFAULT_MINUTES[command], None)
    return settings.max_minutes, settings.epochs


def choose_length(
    settings: RunSettings,
    *,
    pace: Pace,
    spent: float,
    accumulation: int,
    steps_per_epoch: float,
    evaluation_share: float,
    on_gpu: bool,
) -> Length:
    """The shortest of what the settings ask for; SettingsError where the head's own steps leave nothing of it.

    spent: seconds of the minutes that measuring took. evaluation_share: validation audio over a step's audio.
    """
    minutes, epochs = asked_length(settings, on_gpu=on_gpu)
    candidates = {}
    if settings.max_steps is not None:
        candidates["max_steps"] = settings.max_steps
    if epochs is not None:
        candidates["epochs"] = math.ceil(epochs * steps_per_epoch)
    step_seconds = evaluating = first = None
    if pace.step_seconds is not None:
        step_seconds, first = pace.step_seconds * accumulation, pace.first_seconds * accumulation
        evaluating = _EVALUATIONS * evaluation_share * _EVALUATION_COST * step_seconds
        if minutes is not None:
            # At least half the time goes to training, however slow the validation set is.
            seconds = max(60 * minutes - spent - evaluating, 30 * minutes)
            in_first_epoch = min(steps_per_epoch, seconds / (step_seconds + first))
            candidates["max_minutes"] = max(1, int((seconds - in_first_epoch * first) / step_seconds))
    stopped_by = min(candidates, key=lambda name: candidates[name])
    steps = candidates[stopped_by]
    if isinstance(settings, FinetuneSettings) and settings.head_steps >= steps:
        raise SettingsError(
            f"--head-steps {settings.head_steps}: the run has {steps} steps, so the encoder would never be trained. "
            "Give it fewer, the run more, or use --tuning head."
        )
    seconds_in_all = None
    if step_seconds is not None and evaluating is not None and first is not None:
        seconds_in_all = steps * step_seconds + min(steps, steps_per_epoch) * first + evaluating
    return Length(steps, stopped_by, min(_EVALUATIONS, steps), pace.precision, seconds_in_all, pace.gain, accumulation)


def store_length(length: Length, checkpoints: Path, fingerprint: str) -> None:
    """Keep the length, and what data it is for, beside the checkpoints: a resumed run must not measure again."""
    checkpoints.mkdir(exist_ok=True)
    stored = {"length": asdict(length), "data": fingerprint}
    write_json(stored, checkpoints / "length.json")


def stored_length(checkpoints: Path, fingerprint: str) -> Length:
    """The length that `store_length` kept; SettingsError where it was for other data than those of `fingerprint`."""
    try:
        stored = json.loads((checkpoints / "length.json").read_text("utf-8"))
        length, data = Length(**stored["length"]), stored["data"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SettingsError(
            f"--resume: {checkpoints / 'length.json'} is missing or damaged. Begin the run anew with --overwrite."
        ) from error
    check_data(data, fingerprint)
    return length


def check_data(begun: str, now: str) -> None:
    """Raise SettingsError where a run that goes on has other data than it began with; both: fingerprints."""
    if begun != now:
        raise SettingsError(
            "--resume: the recordings or transcripts are not those that the run began with, so it cannot go on as it "
            "was. Bring the old ones back, or begin anew with --overwrite."
        )

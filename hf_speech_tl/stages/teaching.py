"""A model that is taught a task: how fast a step is, the Trainer run, and resumed where it was left."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import datasets
import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from torch import nn
from transformers import PreTrainedConfig, PrinterCallback, TrainerCallback, set_seed
from transformers.utils import logging

from hf_speech_tl.corpora import Corpus, inaudible, leave_out, row_groups, without
from hf_speech_tl.settings import RunSettings
from hf_speech_tl.stages.runs.length import Length, asked_length, choose_length, stored_length
from hf_speech_tl.stages.runs.memory import Fit
from hf_speech_tl.stages.runs.output import Output
from hf_speech_tl.stages.runs.processes import agree
from hf_speech_tl.stages.runs.recipe import Recipe
from hf_speech_tl.training import (
    WINDOW,
    Batch,
    Batches,
    Clips,
    Descent,
    Loader,
    Order,
    Pace,
    Report,
    SpeechTrainer,
    StreamedBatches,
    Task,
    build_optimiser,
    choose_precision,
    first_batches,
    last_step,
    measure_steps,
    reporting,
    row_weights,
    steps_done,
    stop_after_part,
    training_arguments,
)

_MADE_SHARE = 0.9  # of a step, at most: threads that make features for steps to come are not waited for
_VALIDATED = 200  # utterances: enough to choose a checkpoint by, few enough not to take the run's time


@dataclass(frozen=True)
class Taught:
    """What it took. seconds: wall time of training and validation, evaluation_seconds: of the latter alone,
    probe_seconds: of probes alone, audio_seconds: what was trained on, all without what a stopped run lost.
    steps_skipped: those whose gradient was not finite. before: the task's metric before the first step, where it was
    asked for; best: its lowest value after that; found: the step and the value of each evaluation. average: that of
    the average of the weights, which are kept where it is `best`; None where there is none. resumed_at: the step of a
    resumed run's last checkpoint. descent: that to an early end, if any. weights: those that gave `best`, of what is
    trained; under FSDP all, and on the first process alone; None where nothing was judged.
    """

    seconds: float
    evaluation_seconds: float
    probe_seconds: float
    audio_seconds: float
    steps_skipped: int
    before: float | None
    best: float | None
    found: tuple[tuple[int, float], ...]
    average: float | None
    resumed_at: int | None
    descent: Descent | None
    interrupted: bool
    weights: dict[str, torch.Tensor] | None

    @property
    def is_average(self) -> bool:
        """Whether the weights are the average, and not those of a step."""
        return self.average is not None and self.average == self.best

    @property
    def best_step(self) -> int | None:
        """Whose weights they are; None of the average."""
        if self.is_average or not self.found:
            return None
        return min(self.found, key=lambda found: found[1])[0]


def choose_validation(corpus: Corpus) -> tuple[Corpus, datasets.Dataset]:
    """At most 200 validation rows, all of which can be decoded, and the corpus without those that were chosen and
    cannot."""
    count = len(corpus.validation)
    # With any seed the same, as splits are: else what runs reach there could not be compared between seeds.
    chosen = random.Random(0).sample(range(count), k=min(_VALIDATED, count))
    rows = corpus.validation.select(sorted(chosen))
    if "validation" not in corpus.heard:
        skipped = inaudible(rows, "validation")
        rows = without(rows, {row.id for row in skipped})
        corpus = leave_out(corpus, "validation", skipped)
    return corpus, rows


def plan_batches(
    seconds: np.ndarray, fit: Fit, corpus: Corpus, settings: RunSettings, processes: PartialState
) -> Order:
    """This process's batches, of clips that may come to `seconds`; how many there are is settled later.

    Of shards, on a disk or far away, they are such that reading is nearly sequential, unless all fits into one window.
    """
    common: dict[str, Any] = dict(
        batch_seconds=fit.recipe.batch_seconds,
        seed=settings.seed,
        process=processes.process_index,
        processes=processes.num_processes,
        accumulation=fit.recipe.accumulation,
        weights=row_weights(corpus, settings.temperature),
        quadratic=fit.cost.quadratic,
    )
    if float(seconds.sum()) > WINDOW * processes.num_processes:
        groups = row_groups(corpus.train)
        if groups is not None and groups[-1] >= processes.num_processes:
            return StreamedBatches(seconds, groups, **common)
    return Batches(seconds, **common)


def settle_length(
    model: nn.Module,
    task: Task,
    train: Clips,
    batches: Order,
    settings: RunSettings,
    output: Output,
    *,
    recipe: Recipe,
    processes: PartialState,
    corpus: Corpus,
    chosen: Callable[[str], None] = lambda _: None,
) -> Length:
    """How long the run is, for which `batches` are set: measured, or as it was where one is resumed.

    chosen: hears of the precision before the pace is measured. Raises SettingsError where a run cannot go on with this
    corpus.
    """
    if output.checkpoint:
        length = agree(processes, lambda: stored_length(output.checkpoints, corpus.fingerprint))
        batches.accumulation = length.accumulation
        batches.start = steps_done(output.checkpoint) * length.accumulation
        steps = last_step(output.checkpoint, length.steps)
        chosen(length.precision)
    else:
        began = time.monotonic()
        pace = _measure(model, task, train, batches, settings, recipe, processes, chosen)
        # Processes measure differently; the first one's word counts.
        length = agree(
            processes,
            lambda: choose_length(
                settings,
                pace=pace,
                spent=time.monotonic() - began,
                accumulation=batches.accumulation,
                steps_per_epoch=batches.per_epoch() / batches.accumulation,
                evaluation_share=float(task.validation.seconds.sum()) / batches.batch_seconds,
                on_gpu=processes.device.type == "cuda",
            ),
        )
        steps = length.steps
    batches.count = steps * length.accumulation
    return length


def _measure(
    model: nn.Module,
    task: Task,
    train: Clips,
    batches: Order,
    settings: RunSettings,
    recipe: Recipe,
    processes: PartialState,
    chosen: Callable[[str], None],
) -> Pace:
    """Find the precision and, where the run's length depends on it, the pace."""
    device = processes.device

    def loss_of(model: nn.Module, batch: Batch) -> torch.Tensor:
        return task.losses(model, batch).sum()

    loader = Loader(train, first_batches(batches), task.collate, device)
    precision = settings.precision
    if precision == "auto":  # one for all processes: they keep what they make of clips in it
        pace = agree(processes, lambda: choose_precision(model, loader, loss_of, device))
    else:
        pace = Pace(precision)
    chosen(pace.precision)
    if asked_length(settings, on_gpu=device.type == "cuda")[0] is None:
        return pace
    seconds, tried = measure_steps(
        model,
        loader,
        loss_of,
        lambda model: build_optimiser(model, recipe.rates, recipe.optimiser),
        precision=pace.precision,
        device=device,
    )
    first = train.features.spent / tried * train.size_kept / train.size if train.features else 0.0
    first = min(first, _MADE_SHARE * seconds)
    return replace(pace, step_seconds=seconds - first, first_seconds=first)


def teach(
    model: nn.Module,
    task: Task,
    train: Clips,
    batches: Order,
    length: Length,
    settings: RunSettings,
    output: Output,
    *,
    recipe: Recipe,
    processes: PartialState,
    config: PreTrainedConfig,
    shown: Mapping[str, str],
    callbacks: Sequence[TrainerCallback] = (),
    before: bool = False,
) -> Taught:
    """Train. Raises RunError where it cannot go on; after Ctrl-C a checkpoint is saved and `interrupted` says so, but
    in the last step the training just ends, and with it the longer work that it is part of.

    config: what reporters get to see of the model; shown: as for Report; callbacks: what else watches the steps;
    before: whether the model is evaluated before the first step too.
    """
    resumed_at = steps_done(output.checkpoint) if output.checkpoint else None  # the Trainer removes old checkpoints
    set_seed(settings.seed)  # measuring drew random numbers
    trainer = SpeechTrainer(
        model,
        training_arguments(
            output.checkpoints,
            steps=length.steps,
            evaluations=length.evaluations,
            accumulation=length.accumulation,
            precision=length.precision,
            seed=settings.seed,
            use_cpu=processes.device.type == "cpu",
            report_to=settings.report_to,
            run_name=output.directory.resolve().name,
            metric=task.metric,
            before=before,
        ),
        task=task,
        train=train,
        batches=batches,
        rates=recipe.rates,
        optimiser=recipe.optimiser,
        averaged=recipe.averaged,
        patience=recipe.patience,
    )
    # What they would print, Report says in one line.
    logging.disable_progress_bar()
    trainer.remove_callback(PrinterCallback)
    report = Report(
        output.directory / "log.jsonl",
        lambda: trainer.audio_seconds,
        shown=shown,
        quiet=settings.quiet or not processes.is_main_process,
    )
    for callback in (*callbacks, report):
        trainer.add_callback(callback)
    try:
        with reporting(trainer, config, output.directory):
            trainer.train(resume_from_checkpoint=str(output.checkpoint) if output.checkpoint else None)
    finally:
        report.close()
        trainer.interruption.restore()
    interrupted = trainer.interruption.agreed and trainer.state.global_step < trainer.state.max_steps
    # Asked of any process in the last step, or after it, there is nothing left to stop here but what comes next.
    if not interrupted and any(gather_object([trainer.interruption.asked])):
        stop_after_part()
    judged = f"eval_{task.metric}"
    # A run that goes on has it from the one that began.
    at_start = [logged for logged in trainer.state.log_history if logged["step"] == 0]
    return Taught(
        seconds=trainer.seconds,
        evaluation_seconds=trainer.evaluation_seconds,
        probe_seconds=sum(logged.get("eval_probe_seconds", 0.0) for logged in trainer.state.log_history),
        audio_seconds=trainer.audio_seconds,
        steps_skipped=trainer.finite.skipped,
        before=next((logged[judged] for logged in at_start if judged in logged), None),
        best=trainer.state.best_metric,
        found=tuple((int(logged["step"]), logged[judged]) for logged in trainer.state.log_history if judged in logged),
        average=trainer.average.error if trainer.average else None,
        resumed_at=resumed_at,
        descent=trainer.early.descent,
        interrupted=interrupted,
        weights=trainer.best,
    )

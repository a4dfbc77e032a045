"""The training itself: measured, planned, run, and resumed where it was left."""

from __future__ import annotations

import copy
import os
import random
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from accelerate import PartialState
from peft import PeftModel
from transformers import PreTrainedModel, PrinterCallback, set_seed
from transformers.utils import logging

from hf_speech_tl.corpora import Corpus, inaudible, leave_out
from hf_speech_tl.models import Frozen, frame_count, frozen_part, is_random
from hf_speech_tl.settings import FinetuneSettings
from hf_speech_tl.stages.length import Length, asked_length, choose_length, stored_length
from hf_speech_tl.stages.output import Output
from hf_speech_tl.stages.preparation import Prepared
from hf_speech_tl.stages.processes import agree, is_sharded
from hf_speech_tl.stages.recipe import is_small
from hf_speech_tl.training import (
    Augmenter,
    Batch,
    Batches,
    Clips,
    Cores,
    Features,
    Labels,
    Loader,
    Pace,
    Report,
    SpeechTrainer,
    build_optimiser,
    choose_precision,
    first_batches,
    longest_seconds,
    measure_steps,
    reporting,
    row_weights,
    steps_done,
    training_arguments,
    utterance_losses,
)

_CORES = 8  # at most: in more parts a batch of 40 s would have a clip or two in each
_VALIDATED = 200  # utterances: enough to choose a checkpoint by, few enough not to take the run's time


@dataclass(frozen=True)
class Course:
    """A run laid out: what it feeds, in which batches, for how long; and of which corpus.

    The corpus is without those validation rows that were chosen and could not be decoded. cores: where a batch is
    computed in parts at once.
    """

    train: Clips
    validation: Clips
    batches: Batches
    length: Length
    corpus: Corpus
    cores: Cores | None


@dataclass(frozen=True)
class Trained:
    """The model of the best validation error, still wrapped where it has adapters, and what it took to get there.

    seconds: wall time of training and validation, audio_seconds: what was trained on, both without what a stopped run
    lost. steps_skipped: those whose gradient was not finite. resumed_at: the step of a resumed run's last checkpoint.
    """

    model: PreTrainedModel | PeftModel
    seconds: float
    audio_seconds: float
    steps_skipped: int
    best_validation_cer: float | None
    resumed_at: int | None
    interrupted: bool


def lay_out(prepared: Prepared, settings: FinetuneSettings, output: Output, processes: PartialState) -> Course:
    """Decide on batches and length; a resumed run takes those it began with."""
    corpus, vocabulary, recipe = prepared.corpus, prepared.vocabulary, prepared.recipe
    train = Clips(
        corpus.train,
        Labels(corpus.train, vocabulary.encode),
        _augmenter(prepared, settings),
        views=2 if recipe.consistency else 1,
    )
    count = len(corpus.validation)
    chosen = random.Random(settings.seed).sample(range(count), k=min(_VALIDATED, count))
    rows = corpus.validation.select(sorted(chosen))
    if "validation" not in corpus.heard:
        skipped = inaudible(rows, "validation", threads=os.cpu_count() or 1)
        bad = {row.id for row in skipped}
        rows = rows.select([at for at, name in enumerate(rows["id"][:]) if name not in bad])
        corpus = leave_out(corpus, "validation", skipped)
    validation = Clips(rows, Labels(rows, vocabulary.encode))
    batches = Batches(
        longest_seconds(train.seconds, recipe.augment),
        recipe.batch_seconds,
        settings.seed,
        process=processes.process_index,
        processes=processes.num_processes,
        accumulation=recipe.accumulation,
        weights=row_weights(corpus, settings.temperature),
        quadratic=prepared.cost.quadratic,
    )
    cores = _cores(prepared, processes)
    if output.checkpoint:
        length = agree(processes, lambda: stored_length(output.checkpoints, corpus.fingerprint))
        batches.accumulation = length.accumulation
        batches.start = steps_done(output.checkpoint) * length.accumulation
        train.features = _features(prepared, settings, length.precision, processes)
    else:
        began = time.monotonic()
        on_gpu = processes.device.type == "cuda"
        pace = _measure(prepared, train, batches, settings, processes, cores)
        # Processes measure differently; the first one's word counts.
        length = agree(
            processes,
            lambda: choose_length(
                settings,
                pace=pace,
                spent=time.monotonic() - began,
                accumulation=recipe.accumulation,
                steps_per_epoch=batches.per_epoch() / recipe.accumulation,
                evaluation_share=sum(rows["seconds"][:]) / recipe.batch_seconds,
                on_gpu=on_gpu,
            ),
        )
    batches.count = length.steps * length.accumulation
    return Course(train, validation, batches, length, corpus, cores)


def follow(
    course: Course, prepared: Prepared, settings: FinetuneSettings, output: Output, processes: PartialState
) -> Trained:
    """Train. Raises RunError where it cannot go on; after Ctrl-C a checkpoint is saved and `interrupted` says so."""
    resumed_at = steps_done(output.checkpoint) if output.checkpoint else None  # the Trainer removes old checkpoints
    # FSDP leaves no process with a whole model; the first one puts the weights into this when they are trained.
    whole = copy.deepcopy(prepared.model) if is_sharded(processes) and processes.is_main_process else prepared.model
    set_seed(settings.seed)  # measuring drew random numbers
    trainer = SpeechTrainer(
        prepared.model,  # type: ignore[arg-type]
        training_arguments(
            output.checkpoints,
            steps=course.length.steps,
            evaluations=course.length.evaluations,
            accumulation=course.length.accumulation,
            precision=course.length.precision,
            seed=settings.seed,
            use_cpu=processes.device.type == "cpu",
            report_to=settings.report_to,
            run_name=output.directory.resolve().name,
        ),
        feature_extractor=prepared.checkpoint.feature_extractor,
        vocabulary=prepared.vocabulary,
        train=course.train,
        validation=course.validation,
        references=course.validation.rows["transcript"][:],
        spaced=prepared.spaced,
        batches=course.batches,
        rates=prepared.recipe.rates,
        optimiser=prepared.recipe.optimiser,
        consistency=prepared.recipe.consistency,
        cores=course.cores,
    )
    # What they would print, Report says in one line.
    logging.disable_progress_bar()
    trainer.remove_callback(PrinterCallback)
    report = Report(
        output.directory / "log.jsonl",
        lambda: trainer.audio_seconds,
        quiet=settings.quiet or not processes.is_main_process,
    )
    trainer.add_callback(report)
    try:
        with reporting(trainer, prepared.checkpoint.model.config, output.directory):
            trainer.train(resume_from_checkpoint=str(output.checkpoint) if output.checkpoint else None)
    finally:
        report.close()
        trainer.interruption.restore()
    if trainer.best is not None and processes.is_main_process:
        whole.load_state_dict(trainer.best, strict=False)
    return Trained(
        model=whole,
        seconds=trainer.seconds,
        audio_seconds=trainer.audio_seconds,
        steps_skipped=trainer.finite.skipped,
        best_validation_cer=trainer.state.best_metric,
        resumed_at=resumed_at,
        interrupted=trainer.interruption.agreed and trainer.state.global_step < course.length.steps,
    )


def _augmenter(prepared: Prepared, settings: FinetuneSettings) -> Augmenter | None:
    if not prepared.recipe.waveform:
        return None
    config = prepared.checkpoint.model.config
    return Augmenter(prepared.recipe.waveform, settings.seed, lambda samples: frame_count(config, samples))


def _features(
    prepared: Prepared, settings: FinetuneSettings, precision: str, processes: PartialState
) -> Features | None:
    """What keeps the frozen part's work; None where there is none, or where it is not to be kept."""
    if is_sharded(processes):  # a part of a model that FSDP has cut up cannot run by itself
        return None
    model = prepared.checkpoint.model
    part = frozen_part(model, processes.device, getattr(torch, precision))
    if part is None or settings.cache == "none" or prepared.recipe.waveform:
        return None
    frozen = Frozen(model, part, prepared.checkpoint.feature_extractor, getattr(torch, precision))
    return Features(frozen, None if settings.cache == "memory" else Path(settings.cache).expanduser())


def _cores(prepared: Prepared, processes: PartialState) -> Cores | None:
    """On a CPU, for small models: the starter trained 1.12 times as fast so on two cores, a base model 1.04 times."""
    count = min(torch.get_num_threads(), _CORES)
    alone = processes.device.type == "cpu" and processes.num_processes == 1
    if not alone or count == 1 or not is_small(prepared.cost.parameters) or is_random(prepared.checkpoint.model):
        return None
    return Cores(count)


def _measure(
    prepared: Prepared,
    train: Clips,
    batches: Batches,
    settings: FinetuneSettings,
    processes: PartialState,
    cores: Cores | None,
) -> Pace:
    """Find the precision and, where the run's length depends on it, the pace; `train` then has its features."""
    config, vocabulary, recipe = prepared.checkpoint.model.config, prepared.vocabulary, prepared.recipe
    device = processes.device

    def loss_of(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        return utterance_losses(model, config, batch, vocabulary.blank, recipe.consistency).sum()

    loader = Loader(train, first_batches(batches), prepared.checkpoint.feature_extractor, device)
    precision = settings.precision
    pace = Pace(precision) if precision != "auto" else choose_precision(prepared.model, loader, loss_of, device)
    train.features = _features(prepared, settings, pace.precision, processes)
    if asked_length(settings, on_gpu=device.type == "cuda")[0] is None:
        return pace
    seconds, tried = measure_steps(
        prepared.model,
        loader,
        loss_of,
        lambda model: build_optimiser(model, recipe.rates, recipe.optimiser, pace.precision),
        precision=pace.precision,
        device=device,
        cores=cores,
    )
    first = train.features.spent / tried * train.kept_share() if train.features else 0.0
    return replace(pace, step_seconds=seconds - first, first_seconds=first)

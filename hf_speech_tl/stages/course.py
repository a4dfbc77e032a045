"""The training itself: measured, planned, run, and resumed where it was left."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from peft import PeftModel
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, PrinterCallback, set_seed
from transformers.utils import logging

from hf_speech_tl.corpora import Corpus, inaudible, leave_out
from hf_speech_tl.models import logits_of
from hf_speech_tl.objectives import ctc_losses
from hf_speech_tl.settings import FinetuneSettings
from hf_speech_tl.stages.length import Length, asked_length, choose_length, stored_length
from hf_speech_tl.stages.output import Output, steps_done
from hf_speech_tl.stages.preparation import Prepared
from hf_speech_tl.training import (
    Batch,
    Batches,
    Clips,
    Pace,
    Report,
    SpeechTrainer,
    build_optimiser,
    collator,
    first_batches,
    measure_pace,
    reporting,
    training_arguments,
)

_VALIDATED = 200  # utterances: enough to choose a checkpoint by, few enough not to take the run's time


@dataclass(frozen=True)
class Course:
    """A run laid out: what it feeds, in which batches, for how long; and of which corpus.

    The corpus is without those validation rows that were chosen and could not be decoded.
    """

    train: Clips
    validation: Clips
    batches: Batches
    length: Length
    corpus: Corpus


@dataclass(frozen=True)
class Trained:
    """The model of the best validation error, still wrapped where it has adapters, and what it took to get there.

    seconds: wall time of training and validation, audio_seconds: what was trained on, both since `resumed_at`, the step
    of a resumed run's checkpoint. steps_skipped: those whose gradient was not finite.
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
    train = Clips(corpus.train, [vocabulary.encode(text) for text in corpus.train["transcript"][:]])
    count = len(corpus.validation)
    chosen = random.Random(settings.seed).sample(range(count), k=min(_VALIDATED, count))
    rows = corpus.validation.select(sorted(chosen))
    if "validation" not in corpus.heard:
        skipped = inaudible(rows, "validation", threads=os.cpu_count() or 1)
        bad = {row.id for row in skipped}
        rows = rows.select([at for at, name in enumerate(rows["id"][:]) if name not in bad])
        corpus = leave_out(corpus, "validation", skipped)
    validation = Clips(rows, [vocabulary.encode(text) for text in rows["transcript"][:]])
    batches = Batches(
        corpus.train["seconds"][:],
        recipe.batch_seconds / processes.num_processes / recipe.accumulation,
        settings.seed,
        process=processes.process_index,
        processes=processes.num_processes,
        weights=_weights(corpus),
    )
    if output.checkpoint:
        length = stored_length(output.checkpoints, corpus.fingerprint)
        batches.start = steps_done(output.checkpoint) * recipe.accumulation
    else:
        began = time.monotonic()
        on_gpu = processes.device.type == "cuda"
        pace = _measure(prepared, train, batches, settings, processes.device)
        length = choose_length(
            settings,
            pace=pace,
            spent=time.monotonic() - began,
            accumulation=recipe.accumulation,
            steps_per_epoch=batches.per_epoch() / recipe.accumulation,
            evaluation_share=sum(rows["seconds"][:]) / recipe.batch_seconds,
            on_gpu=on_gpu,
        )
    length = broadcast_object_list([length])[0]  # processes measure differently; the first one's word counts
    batches.count = length.steps * recipe.accumulation
    return Course(train, validation, batches, length, corpus)


def follow(
    course: Course, prepared: Prepared, settings: FinetuneSettings, output: Output, processes: PartialState
) -> Trained:
    """Train. Raises RunError where it cannot go on; after Ctrl-C a checkpoint is saved and `interrupted` says so."""
    resumed_at = steps_done(output.checkpoint) if output.checkpoint else None  # the Trainer removes old checkpoints
    set_seed(settings.seed)  # measuring drew random numbers
    trainer = SpeechTrainer(
        prepared.model,  # type: ignore[arg-type]
        training_arguments(
            output.checkpoints,
            steps=course.length.steps,
            evaluations=course.length.evaluations,
            accumulation=prepared.recipe.accumulation,
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
    begin = time.monotonic()
    try:
        with reporting(trainer, prepared.checkpoint.model.config, output.directory):
            trainer.train(resume_from_checkpoint=str(output.checkpoint) if output.checkpoint else None)
    finally:
        report.close()
        trainer.interruption.restore()
    return Trained(
        model=prepared.model,
        seconds=time.monotonic() - begin,
        audio_seconds=trainer.audio_seconds,
        steps_skipped=trainer.finite.skipped,
        best_validation_cer=trainer.state.best_metric,
        resumed_at=resumed_at,
        interrupted=trainer.interruption.agreed and trainer.state.global_step < course.length.steps,
    )


def _weights(corpus: Corpus) -> list[float] | None:
    """How often an epoch holds each training row; None where it is once for all."""
    if not corpus.weighted:
        return None
    by_name = dict(zip(corpus.names, corpus.weights, strict=True))
    return [by_name[source] for source in corpus.train["source"][:]]


def _measure(
    prepared: Prepared, train: Clips, batches: Batches, settings: FinetuneSettings, device: torch.device
) -> Pace:
    config, vocabulary, recipe = prepared.checkpoint.model.config, prepared.vocabulary, prepared.recipe

    def loss_of(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        logits, frames = logits_of(model, config, batch["inputs"], batch["attention_mask"])
        return ctc_losses(logits.float().log_softmax(-1), frames, batch["labels"], vocabulary.blank).mean()

    loader = DataLoader(
        train, batch_sampler=first_batches(batches), collate_fn=collator(prepared.checkpoint.feature_extractor)
    )
    return measure_pace(
        prepared.model,
        loader,
        loss_of,
        lambda model, precision: build_optimiser(model, recipe.rates, recipe.optimiser, precision),
        precision=settings.precision,
        count_steps=asked_length(settings, on_gpu=device.type == "cuda")[0] is not None,
        device=device,
    )

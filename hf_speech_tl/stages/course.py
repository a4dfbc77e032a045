"""A fine-tuning run laid out, and followed to its end."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from accelerate import PartialState
from peft import PeftModel
from transformers import PreTrainedModel

from hf_speech_tl.corpora import Corpus
from hf_speech_tl.models import Frozen, frame_count, frozen_part
from hf_speech_tl.settings import FinetuneSettings
from hf_speech_tl.stages.preparation import Prepared
from hf_speech_tl.stages.runs.length import Length
from hf_speech_tl.stages.runs.memory import Fit
from hf_speech_tl.stages.runs.output import Output
from hf_speech_tl.stages.runs.processes import is_sharded
from hf_speech_tl.stages.teaching import Taught, choose_validation, plan_batches, settle_length, teach
from hf_speech_tl.training import (
    Augmenter,
    Clips,
    Features,
    Labels,
    Order,
    Transcription,
    longest_seconds,
)

_SHOWN = {"eval_cer": "validation CER"}


@dataclass(frozen=True)
class Course:
    """A run laid out: what it feeds, in which batches, for how long, in how much memory; and of which corpus.

    fit: with the clips as they are kept. The corpus is without those validation rows that were chosen and could not be
    decoded.
    """

    train: Clips
    task: Transcription
    batches: Order
    length: Length
    fit: Fit
    corpus: Corpus

    @property
    def stored(self) -> tuple[Path | None, float]:
        """The directory that keeps what frozen layers make of clips, None without one, and bytes that it may take."""
        features = self.train.features
        return features.directory if features else None, self.train.size_stored


@dataclass(frozen=True)
class Trained:
    """The model of the best validation error, still wrapped where it has adapters, and what it took to get there."""

    model: PreTrainedModel | PeftModel
    taught: Taught


def lay_out(prepared: Prepared, settings: FinetuneSettings, output: Output, processes: PartialState) -> Course:
    """Decide on batches and length; a resumed run takes those it began with."""
    corpus, vocabulary, recipe, fit = prepared.corpus, prepared.vocabulary, prepared.recipe, prepared.fit
    corpus, rows = choose_validation(corpus)
    judged = Clips(rows, Labels(rows, vocabulary.encode), room=fit.room)
    train = Clips(
        corpus.train,
        Labels(corpus.train, vocabulary.encode),
        _augmenter(prepared, settings),
        views=2 if recipe.consistency else 1,
        trust=prepared.trust,
        room=fit.room - judged.size_kept,
    )
    task = Transcription(
        config=prepared.checkpoint.model.config,
        feature_extractor=prepared.checkpoint.feature_extractor,
        vocabulary=vocabulary,
        validation=judged,
        references=rows["transcript"][:],
        spaced=prepared.spaced,
        consistency=recipe.consistency,
    )
    batches = plan_batches(longest_seconds(train.seconds, recipe.augment), fit, corpus, settings, processes)
    length = settle_length(
        prepared.model,
        task,
        train,
        batches,
        settings,
        output,
        recipe=recipe,
        processes=processes,
        corpus=corpus,
        chosen=lambda precision: setattr(train, "features", _features(prepared, settings, precision, processes)),
    )
    if fit.clips:
        fit = replace(fit, clips=train.size_kept + judged.size_kept)
    return Course(train, task, batches, length, fit, corpus)


def follow(
    course: Course, prepared: Prepared, settings: FinetuneSettings, output: Output, processes: PartialState
) -> Trained:
    """Train. Raises RunError where it cannot go on; after Ctrl-C a checkpoint is saved and `interrupted` says so."""
    # FSDP leaves no process with a whole model; the first one puts the weights into this when they are trained.
    whole = copy.deepcopy(prepared.model) if is_sharded(processes) and processes.is_main_process else prepared.model
    taught = teach(
        prepared.model,
        course.task,
        course.train,
        course.batches,
        course.length,
        settings,
        output,
        recipe=prepared.recipe,
        processes=processes,
        config=prepared.checkpoint.model.config,
        shown=_SHOWN,
    )
    if taught.weights is not None and processes.is_main_process:
        whole.load_state_dict(taught.weights, strict=False)
    return Trained(whole, taught)


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
    part = frozen_part(model, processes.device)
    if part is None or settings.cache == "none" or prepared.recipe.waveform:
        return None
    frozen = Frozen(model, part, prepared.checkpoint.feature_extractor, getattr(torch, precision))
    return Features(frozen, None if settings.cache == "memory" else Path(settings.cache).expanduser())

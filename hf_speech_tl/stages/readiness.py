"""All that pretraining needs before it knows its objective: screened recordings, an encoder and a recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import datasets
import numpy as np
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from transformers import PreTrainedConfig, PreTrainedModel, set_seed

from hf_speech_tl.corpora import Corpus, Skipped, are_far, column, digest, heard_elsewhere, leave_out, select
from hf_speech_tl.errors import DataError, named_by
from hf_speech_tl.languages import Language, find_model_language
from hf_speech_tl.models import (
    Checkpoint,
    Masking,
    can_mask,
    encoder_config,
    encoder_of,
    keep_statistics,
    load_checkpoint,
    multiply_convolutions,
    read_config,
)
from hf_speech_tl.settings import PretrainSettings
from hf_speech_tl.stages.reading import progress_of, read_corpus
from hf_speech_tl.stages.runs.memory import Fit, fit_memory
from hf_speech_tl.stages.runs.processes import agree, first_then_others
from hf_speech_tl.stages.runs.recipe import choose_pretraining

_COMPARED = 20_000  # recordings without transcripts that are compared with what is held out, before the first step
# What an objective refuses before recordings are read, given the encoder's configuration and the number of processes.
Check = Callable[[PretrainSettings, PreTrainedConfig, int], None]


@dataclass(frozen=True)
class Ready:
    """checkpoint: with the head that it was loaded with and that is not trained; encoder: the part that is. fit: how
    the run fits into memory."""

    corpus: Corpus
    checkpoint: Checkpoint
    encoder: PreTrainedModel
    fit: Fit

    @property
    def config(self) -> PreTrainedConfig:
        """The encoder's."""
        return self.encoder.config


def get_ready(settings: PretrainSettings, processes: PartialState, check: Check) -> Ready:
    """Read, screen and load everything; nothing is written.

    Raises SettingsError for a model that cannot be used, and what `check` raises; DataError for a corpus that cannot.
    """
    language = find_model_language(settings.lang) if settings.lang is not None else None
    option = "--config" if settings.model is None else "--model"
    with named_by(option):
        config = first_then_others(processes, lambda: read_config(settings.begins_as))
    first_then_others(processes, lambda: check(settings, encoder_config(config), processes.num_processes))
    corpus = first_then_others(processes, lambda: _corpus(settings, language, config, told=processes.is_main_process))
    doubled = agree(processes, lambda: _doubles(corpus, quiet=settings.quiet))
    if doubled:
        known = digest([(corpus.fingerprint, *(row.id for row in doubled))])
        corpus = replace(leave_out(corpus, "train", doubled), fingerprint=known)
    for name, rows in (("training", corpus.train), ("validation", corpus.validation)):
        if not len(rows):
            raise DataError(
                f"--data {' '.join(map(str, settings.data))}: no recording is left for {name}. Add recordings to it."
            )
    set_seed(settings.seed)
    with named_by(option):
        # Asked to mask, a model has what stands for masked frames, and keeps what it had learnt of it.
        masking = Masking(0.05, 10) if can_mask(config) else None
        checkpoint = first_then_others(
            processes,
            lambda: load_checkpoint(
                settings.begins_as,
                config,
                from_scratch=settings.model is None,
                dropout=settings.dropout,
                masking=masking,
            ),
        )
    encoder = encoder_of(checkpoint.model)
    if masking:
        encoder.config.mask_time_prob = 0.0  # what is masked an objective says
        encoder.get_parameter("masked_spec_embed").requires_grad_(False)
    if not checkpoint.fresh:
        keep_statistics(encoder)
    if processes.device.type == "cpu":
        multiply_convolutions(encoder)
    recipe = choose_pretraining(settings, parameters=encoder.num_parameters(), processes=processes.num_processes)
    seconds = np.asarray(corpus.train["seconds"][:], np.float32)
    fit = fit_memory(
        encoder,
        recipe,
        seconds,
        processes,
        recognised=max(corpus.validation["seconds"][:]),
        checkpointing=settings.gradient_checkpointing,
    )
    fit = broadcast_object_list([fit])[0]  # processes have different room; all must cut alike
    return Ready(corpus, checkpoint, encoder, fit)


def known_as(name: str) -> str:
    """A model as others may know it: a Hub id, or the last name of a path on this disk."""
    return Path(name).name if Path(name).exists() else name


def _corpus(settings: PretrainSettings, language: Language | None, config: PreTrainedConfig, *, told: bool) -> Corpus:
    return read_corpus(
        settings.data,
        language,
        config,
        units="romanized",
        simplify=False,
        max_seconds=settings.max_seconds,
        text_column=settings.text_column,
        tier=settings.tier,
        quiet=settings.quiet or not told,
        labelled=False,
    )


def _doubles(corpus: Corpus, *, quiet: bool) -> list[Skipped]:
    """Training recordings that have no transcript here, and one in validation or test, under whatever name: what learns
    from transcripts later would be judged by what was heard. None are looked for among too many, or far away ones."""
    silent = _places(corpus.train, spoken=False)
    if not 0 < len(silent) <= _COMPARED:
        return []
    rows = select(corpus.train, silent)
    held_out = [select(one, _places(one, spoken=True)) for one in (corpus.validation, corpus.test)]
    if not any(map(len, held_out)) or any(map(are_far, (rows, *held_out))):
        return []
    with progress_of("comparing with what is held out", quiet=quiet) as progress:
        return heard_elsewhere(rows, held_out, progress, split="train")


def _places(rows: datasets.Dataset, *, spoken: bool) -> np.ndarray:
    """Of the rows with a transcript, or of those without."""
    return np.flatnonzero([bool((text or "").strip()) == spoken for text in column(rows, "text")])

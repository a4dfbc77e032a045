"""What a stage of a transfer will take, told before it begins: recordings, time, memory and disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import PartialState
from transformers import PreTrainedConfig

from hf_speech_tl.corpora import Corpus
from hf_speech_tl.models import can_mask, empty_model, encoder_of, keep_lowest, prepare_tuning, read_config
from hf_speech_tl.settings import TEACHER, FinetuneSettings, Leg, SelftrainSettings
from hf_speech_tl.stages.runs.length import asked_length
from hf_speech_tl.stages.runs.memory import fit_memory
from hf_speech_tl.stages.runs.plan import clock, size
from hf_speech_tl.stages.runs.recipe import DEFAULT_RANK, choose_augment, choose_pretraining, choose_recipe, is_small
from hf_speech_tl.stages.student import Round, lesson_of


@dataclass(frozen=True)
class Outlook:
    """seconds: of the training recordings; length: how long it trains, in words; memory, disk: bytes, at the fullest;
    kept: bytes that stay on the disk."""

    seconds: float
    length: str
    memory: int
    disk: int
    kept: int

    def __str__(self) -> str:
        return (
            f"{clock(self.seconds)} of training recordings; {self.length}; about {size(self.memory)} of memory at "
            f"most, {size(self.disk)} of disk while it trains"
        )


def foresee(
    leg: Leg,
    corpus: Corpus,
    unlabelled: Corpus | None,
    config: PreTrainedConfig,
    processes: PartialState,
    *,
    fresh: bool,
) -> Outlook:
    """By a rehearsal of the model's shape, without its weights: nothing is loaded or decoded.

    corpus, unlabelled: as they are before screening, so that there may be less in the end. config: of the model that
    the stage begins with; it is changed to that of the model that the stage leaves. fresh: whether it begins with
    random weights.
    """
    settings, more = leg.settings, ""
    if isinstance(settings, SelftrainSettings):
        if settings.student != TEACHER:
            config = read_config(settings.student)
        settings, more = lesson_of(Round(1, settings.model, leg.directory, None), settings), " in each round"
    count = processes.num_processes
    heard = [*corpus.train["seconds"][:], *(unlabelled.train["seconds"][:] if unlabelled else ())]
    seconds = _short(heard, settings.max_seconds)
    if isinstance(settings, FinetuneSettings):
        if settings.keep_layers is not None:
            keep_lowest(config, settings.keep_layers)
        whole = empty_model(config)
        parameters = whole.num_parameters()
        augment = choose_augment(
            settings, maskable=can_mask(config), small=is_small(parameters), seconds=float(seconds.sum())
        )
        recipe = choose_recipe(settings, parameters=parameters, augment=augment, processes=count)
        rank = settings.lora_rank or DEFAULT_RANK
        model = prepare_tuning(whole, settings.tuning, fresh=fresh, rank=rank, freeze_layers=settings.freeze_layers)
    else:
        model = encoder_of(empty_model(config))
        recipe = choose_pretraining(settings, parameters=model.num_parameters(), processes=count)
    others = _short([*corpus.validation["seconds"][:], *corpus.test["seconds"][:]], settings.max_seconds)
    fit = fit_memory(
        model, recipe, seconds, processes, recognised=float(others.max()), checkpointing=settings.gradient_checkpointing
    )
    minutes, epochs = asked_length(settings, on_gpu=torch.cuda.is_available())
    lengths = [
        f"{clock(60 * minutes)} of training" if minutes is not None else "",
        f"{settings.max_steps} steps of {recipe.batch_seconds:g} s" if settings.max_steps is not None else "",
        f"{epochs:g} times through them" if epochs is not None else "",
    ]
    length = " or ".join(filter(None, lengths)) + more
    if minutes is None:
        length += ", of which the time is not measured"
    return Outlook(float(seconds.sum()), length, fit.peak, fit.cost.disk, fit.cost.weights)


def disk_of_all(outlooks: Iterable[Outlook]) -> int:
    """Bytes that stages, one after the other, take at their fullest: what all leave, and one that trains."""
    told = list(outlooks)
    return sum(one.kept for one in told) + max((one.disk - one.kept for one in told), default=0)


def _short(seconds: Iterable[float], longest: float) -> np.ndarray:
    """Those that are not skipped for their length; one second where there is none, of which the stage tells."""
    kept = [length for length in seconds if length <= longest]
    return np.asarray(kept or [1.0], np.float32)

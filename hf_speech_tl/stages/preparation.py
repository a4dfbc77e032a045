"""All that a run needs before its first step: data that was screened, symbols, a model and a recipe."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from peft import PeftModel
from transformers import PreTrainedConfig, PreTrainedModel, set_seed

from hf_speech_tl.audio import RATE
from hf_speech_tl.corpora import Corpus, reasons
from hf_speech_tl.errors import DataError, SettingsError, SpeechError
from hf_speech_tl.languages import Language, find_model_language
from hf_speech_tl.models import (
    KNOWN,
    Checkpoint,
    Cost,
    Origin,
    Vocabulary,
    can_mask,
    check_adapter,
    check_depth,
    empty_model,
    frame_count,
    keep_lowest,
    load_checkpoint,
    multiply_convolutions,
    prepare_tuning,
    read_config,
    replace_head,
)
from hf_speech_tl.scoring import Scores
from hf_speech_tl.settings import FinetuneSettings, SelftrainSettings, Source
from hf_speech_tl.stages.judgement import judge
from hf_speech_tl.stages.origins import trace_origins
from hf_speech_tl.stages.reading import all_spaced, read_corpus
from hf_speech_tl.stages.runs.memory import Fit, fit_memory
from hf_speech_tl.stages.runs.processes import agree, first_then_others, is_sharded
from hf_speech_tl.stages.runs.recipe import (
    DEFAULT_RANK,
    Recipe,
    choose_augment,
    choose_masking,
    choose_recipe,
    is_small,
)
from hf_speech_tl.training import shortest_seconds


@dataclass(frozen=True)
class Prepared:
    """model: the checkpoint's model with its new head, frozen and wrapped as --tuning asks.

    spaced: whether all transcripts that judge, in these units, have spaces between words. inheritance: where the rows
    of the head come from, empty where all of them are random. fit: how the run fits into memory. rank: of LoRA, where
    it is used. trust: as Clips has it.
    """

    language: Language
    spaced: bool
    corpus: Corpus
    vocabulary: Vocabulary
    checkpoint: Checkpoint
    model: PreTrainedModel | PeftModel
    inheritance: tuple[Origin, ...]
    fit: Fit
    rank: int
    trust: np.ndarray | None = None

    @property
    def cost(self) -> Cost:
        return self.fit.cost

    @property
    def recipe(self) -> Recipe:
        return self.fit.recipe


@dataclass(frozen=True)
class Material:
    """What is learnt from, where that is made and not read: a screened corpus, how much the loss of each of its
    training rows counts, `(rows,)`, and the symbols to write."""

    corpus: Corpus
    trust: np.ndarray
    vocabulary: Vocabulary


def prepare(
    settings: FinetuneSettings, processes: PartialState, material: Material | None = None, *, averaged: bool = False
) -> Prepared:
    """Read, screen and load everything; nothing is written. With `material`, no corpus is read.

    averaged: the average of the weights is kept too. Raises SettingsError for a model that cannot be used, DataError
    for a corpus that cannot.
    """
    language = find_model_language(settings.lang)
    config = first_then_others(processes, lambda: _config(settings))
    maskable, small = can_mask(config), is_small(empty_model(config).num_parameters())
    choose_augment(settings, maskable=maskable, small=small, seconds=0.0)  # refuse now what no data make right
    if material is None:
        told = processes.is_main_process
        corpus = first_then_others(processes, lambda: labelled_corpus(settings, language, config, told=told))
        vocabulary = Vocabulary.of(corpus.train["transcript"][:])
    else:
        corpus, vocabulary = material.corpus, material.vocabulary

    set_seed(settings.seed)
    lengths = np.asarray(corpus.train["seconds"][:], np.float32)
    augment = choose_augment(settings, maskable=maskable, small=small, seconds=float(lengths.sum()))
    seconds = shortest_seconds(lengths, augment)
    frames = sorted(frame_count(config, round(length * RATE)) for length in seconds)
    masking = choose_masking(
        augment, shortest=frames[0], median=frames[len(frames) // 2], channels=getattr(config, "hidden_size", 0)
    )
    checkpoint = first_then_others(
        processes,
        lambda: load_checkpoint(
            settings.model,
            config,
            from_scratch=settings.from_scratch,
            dropout=settings.dropout,
            masking=masking,
            target_lang=settings.target_lang,
        ),
    )
    inheritance = first_then_others(processes, lambda: trace_origins(settings, checkpoint, vocabulary))
    replace_head(checkpoint, vocabulary, inheritance)
    spaced = all_spaced(corpus.validation["lang"][:], settings.units)
    rank = settings.lora_rank or DEFAULT_RANK
    model = prepare_tuning(
        checkpoint.model,
        settings.tuning,
        fresh=checkpoint.fresh,
        rank=rank,
        freeze_layers=settings.freeze_layers,
    )
    if checkpoint.fresh and processes.device.type == "cpu":
        multiply_convolutions(checkpoint.model)
    recipe = agree(
        processes,
        lambda: choose_recipe(
            settings,
            parameters=checkpoint.model.num_parameters(),
            augment=augment,
            processes=processes.num_processes,
            sharded=is_sharded(processes),
        ),
    )
    fit = fit_memory(
        model,
        replace(recipe, averaged=averaged),
        lengths,
        processes,
        recognised=max(max(rows["seconds"][:]) for rows in (corpus.validation, corpus.test)),
        checkpointing=settings.gradient_checkpointing,
    )
    fit = broadcast_object_list([fit])[0]  # processes have different room; all must cut alike
    trust = material.trust if material else None
    return Prepared(language, spaced, corpus, vocabulary, checkpoint, model, inheritance, fit, rank, trust)


def judge_start(prepared: Prepared, settings: FinetuneSettings, device: torch.device) -> Scores | None:
    """The scores on the test split of what the training began with; None where its head did not know all symbols.

    It is read anew, and asked when the training is done: before, a large test split would keep the first step waiting.
    Where it can no longer be read, that is told, for it is no reason to lose a run.
    """
    if not prepared.inheritance or any(origin.kind not in KNOWN for origin in prepared.inheritance):
        return None
    try:
        start = load_checkpoint(settings.model, _config(settings), target_lang=settings.target_lang)
        if start.vocabulary != prepared.checkpoint.vocabulary:
            raise SettingsError(f"another model lies at {settings.model} by now")
    except (SpeechError, OSError) as gone:
        print(f"warning: no score from before training: {gone}", file=sys.stderr, flush=True)
        return None
    replace_head(start, prepared.vocabulary, prepared.inheritance)
    start.model.to(device)  # type: ignore[arg-type]
    return judge(start, prepared.vocabulary, prepared.corpus.test, split="test", units=settings.units).scores


def _config(settings: FinetuneSettings) -> PreTrainedConfig:
    config = read_config(settings.model)
    if not settings.from_scratch:
        check_adapter(settings.model, settings.target_lang)
    check_depth(
        settings.model,
        config,
        keep_layers=settings.keep_layers,
        freeze_layers=settings.freeze_layers,
        tuning=settings.tuning,
    )
    if settings.keep_layers is not None:
        keep_lowest(config, settings.keep_layers)
    return config


def labelled_corpus(
    settings: FinetuneSettings | SelftrainSettings, language: Language, config: PreTrainedConfig, *, told: bool
) -> Corpus:
    """The screened corpus of --data for a model of this configuration, with something in each split.

    told: whether this process shows how far it is. Raises SettingsError or DataError.
    """
    corpus = read_corpus(
        settings.data,
        language,
        config,
        units=settings.units or "char",
        simplify=settings.simplify,
        max_seconds=settings.max_seconds,
        text_column=settings.text_column,
        tier=settings.tier,
        quiet=settings.quiet or not told,
    )
    _refuse_lost(settings, corpus)
    for name, rows in (("training", corpus.train), ("validation", corpus.validation), ("test", corpus.test)):
        if not len(rows):
            raise DataError(
                f"--data {' '.join(map(str, settings.data))}: no utterance is left for {name}. Add recordings to it."
            )
    return corpus


def _refuse_lost(settings: FinetuneSettings | SelftrainSettings, corpus: Corpus) -> None:
    """Raise DataError for a source of which no training row can be used: a language, or what works against forgetting,
    would be missing without a word. Where a source doubles another, that is the rows' reason in skipped.csv."""
    heard = set(corpus.train["source"][:])
    for source, name in zip(settings.data, corpus.names, strict=True):
        mixed = isinstance(source, Source) and source.mix is not None
        lost = [row for row in corpus.skipped if row.source == name and row.split in ("train", "")]
        if name not in heard and lost and (mixed or any(row.reason != "duplicate" for row in lost)):
            raise DataError(
                f"--data {name}: none of its training recordings can be used ({reasons(lost)}). Mend them, or leave "
                "the source out."
            )

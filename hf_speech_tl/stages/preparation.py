"""All that a run needs before its first step: data that was screened, symbols, a model and a recipe."""

from __future__ import annotations

import os
from dataclasses import dataclass

from accelerate import PartialState
from peft import PeftModel
from transformers import PreTrainedConfig, PreTrainedModel, set_seed

from hf_speech_tl.audio import RATE
from hf_speech_tl.corpora import Corpus, load_corpus, screen, write_skipped
from hf_speech_tl.languages import Language, find_language
from hf_speech_tl.models import (
    STARTER,
    Checkpoint,
    Cost,
    Vocabulary,
    cost_of,
    frame_count,
    load_checkpoint,
    prepare_tuning,
    read_config,
    replace_head,
)
from hf_speech_tl.scoring import Scores
from hf_speech_tl.settings import FinetuneSettings
from hf_speech_tl.stages.judgement import judge
from hf_speech_tl.stages.output import Output
from hf_speech_tl.stages.recipe import Recipe, choose_augment, choose_masking, choose_recipe

_DEFAULT_RANK = 16  # of LoRA
_SHORTEST = 0.1  # seconds: a click, not an utterance


@dataclass(frozen=True)
class Prepared:
    """model: the checkpoint's model with its new head, frozen and wrapped as --tuning asks.

    spaced: whether the transcripts, in the units trained, have spaces between words. carried: symbols whose head rows
    came from the checkpoint. before: the test scores without training, None where the checkpoint does not speak yet.
    """

    language: Language
    spaced: bool
    corpus: Corpus
    vocabulary: Vocabulary
    checkpoint: Checkpoint
    model: PreTrainedModel | PeftModel
    carried: list[str]
    cost: Cost
    recipe: Recipe
    before: Scores | None


def prepare(settings: FinetuneSettings, output: Output, processes: PartialState) -> Prepared:
    """Read, screen and load everything; skipped.csv is written on the way.

    Raises SettingsError for a model that cannot be used, DataError for a corpus that cannot.
    """
    language = find_language(settings.lang)
    config = read_config(settings.model)
    with processes.main_process_first():  # what the first one reads into a cache, the others find there
        corpus = read_corpus(settings, language, config)
    if processes.is_main_process:
        write_skipped(corpus.skipped, output.directory / "skipped.csv")
    vocabulary = Vocabulary.of(corpus.train["transcript"][:])

    set_seed(settings.seed)
    frames = sorted(frame_count(config, round(seconds * RATE)) for seconds in corpus.train["seconds"][:])
    fresh = settings.model == STARTER or settings.from_scratch
    masking = choose_masking(choose_augment(settings, fresh=fresh), shortest=frames[0], median=frames[len(frames) // 2])
    checkpoint = load_checkpoint(settings.model, config, from_scratch=settings.from_scratch, masking=masking)
    carried = replace_head(checkpoint, vocabulary)
    spaced = language.spaced or settings.units == "romanized"
    before = None
    if len(carried) == len(vocabulary):
        before = judge(checkpoint, vocabulary, corpus.test, split="test", spaced=spaced, seed=settings.seed).scores
    model = prepare_tuning(
        checkpoint.model, settings.tuning, fresh=checkpoint.fresh, rank=settings.lora_rank or _DEFAULT_RANK
    )
    cost = cost_of(model)
    recipe = choose_recipe(
        settings,
        parameters=cost.parameters,
        fresh=checkpoint.fresh,
        processes=processes.num_processes,
    )
    return Prepared(language, spaced, corpus, vocabulary, checkpoint, model, carried, cost, recipe, before)


def read_corpus(settings: FinetuneSettings, language: Language, config: PreTrainedConfig) -> Corpus:
    """The screened corpus of a run's settings, for a model of this configuration."""
    return screen(
        # The seed does not cut the splits: with another one, a model would be judged by rows that an earlier one learnt.
        load_corpus(settings.data, settings.lang, text_column=settings.text_column),
        language,
        settings.units,
        max_seconds=settings.max_seconds,
        min_seconds=_SHORTEST,
        frames_of=lambda seconds: frame_count(config, round(seconds * RATE)),
        threads=os.cpu_count() or 1,
        simplify=settings.simplify,
    )

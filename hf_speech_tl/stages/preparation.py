"""All that a run needs before its first step: data that was screened, symbols, a model and a recipe."""

from __future__ import annotations

from dataclasses import dataclass

from accelerate import PartialState
from peft import PeftModel
from transformers import PreTrainedModel, set_seed

from hf_speech_tl.audio import RATE
from hf_speech_tl.corpora import Corpus
from hf_speech_tl.errors import DataError
from hf_speech_tl.languages import Language, find_language
from hf_speech_tl.models import (
    Checkpoint,
    Cost,
    Vocabulary,
    can_mask,
    check_adapter,
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
from hf_speech_tl.stages.reading import hear_split, is_spaced, read_corpus
from hf_speech_tl.stages.recipe import Recipe, choose_augment, choose_masking, choose_recipe

_DEFAULT_RANK = 16  # of LoRA, as in its paper's larger settings (Hu et al. 2021); not tuned here


@dataclass(frozen=True)
class Prepared:
    """model: the checkpoint's model with its new head, frozen and wrapped as --tuning asks.

    spaced: whether the transcripts, in the units trained, have spaces between words. carried: symbols whose head rows
    came from the checkpoint. before: the test scores without training, None where the checkpoint does not speak yet
    (and on processes other than the first). rank: of LoRA, where it is used.
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
    rank: int


def prepare(settings: FinetuneSettings, processes: PartialState) -> Prepared:
    """Read, screen and load everything; nothing is written.

    Raises SettingsError for a model that cannot be used, DataError for a corpus that cannot.
    """
    language = find_language(settings.lang)
    config = read_config(settings.model)
    if not settings.fresh:
        check_adapter(settings.model, settings.target_lang)
    augment = choose_augment(settings, maskable=can_mask(config))
    with processes.main_process_first():  # what the first one reads into a cache, the others find there
        corpus = read_corpus(
            settings.data,
            language,
            config,
            units=settings.units,
            simplify=settings.simplify,
            max_seconds=settings.max_seconds,
            text_column=settings.text_column,
            tier=settings.tier,
            quiet=settings.quiet or not processes.is_main_process,
        )
    for name, rows in (("training", corpus.train), ("validation", corpus.validation), ("test", corpus.test)):
        if not len(rows):
            raise DataError(
                f"--data {' '.join(map(str, settings.data))}: no utterance is left for {name}. Add recordings to it."
            )
    vocabulary = Vocabulary.of(corpus.train["transcript"][:])

    set_seed(settings.seed)
    frames = sorted(frame_count(config, round(seconds * RATE)) for seconds in corpus.train["seconds"][:])
    masking = choose_masking(augment, shortest=frames[0], median=frames[len(frames) // 2])
    checkpoint = load_checkpoint(
        settings.model,
        config,
        from_scratch=settings.from_scratch,
        masking=masking,
        target_lang=settings.target_lang,
    )
    carried = replace_head(checkpoint, vocabulary)
    spaced = is_spaced(language, settings.units)
    before = None
    if len(carried) == len(vocabulary) and processes.is_main_process:
        checkpoint.model.to(processes.device)
        corpus = hear_split(corpus, "test", quiet=settings.quiet)
        before = judge(checkpoint, vocabulary, corpus.test, split="test", spaced=spaced).scores
        checkpoint.model.cpu()
    rank = settings.lora_rank or _DEFAULT_RANK
    model = prepare_tuning(checkpoint.model, settings.tuning, fresh=checkpoint.fresh, rank=rank)
    cost = cost_of(model)
    recipe = choose_recipe(
        settings,
        parameters=cost.parameters,
        augment=augment,
        processes=processes.num_processes,
    )
    return Prepared(language, spaced, corpus, vocabulary, checkpoint, model, carried, cost, recipe, before, rank)

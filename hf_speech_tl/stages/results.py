"""What results.json says of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import datasets

from hf_speech_tl.corpora import Corpus
from hf_speech_tl.languages import NORMALISER_VERSION, find_language, find_reader
from hf_speech_tl.models import base_of, is_of_starter
from hf_speech_tl.scoring import Scores
from hf_speech_tl.settings import FinetuneSettings, PretrainSettings, RunSettings, plain_augmentation
from hf_speech_tl.stages.course import Course, Trained
from hf_speech_tl.stages.lesson import Lesson
from hf_speech_tl.stages.origins import count_kinds
from hf_speech_tl.stages.preparation import Prepared
from hf_speech_tl.stages.readiness import Ready, known_as
from hf_speech_tl.stages.runs.environment import describe_environment, peak_memory_mb
from hf_speech_tl.stages.runs.length import Length
from hf_speech_tl.stages.runs.memory import Fit
from hf_speech_tl.stages.teaching import Taught
from hf_speech_tl.training import Clips, Pretraining, Share, language_shares


def gather_results(
    settings: FinetuneSettings,
    prepared: Prepared,
    course: Course,
    trained: Trained,
    after: Scores,
    *,
    before: Scores | None = None,
    base: str | None,
) -> dict[str, object]:
    """What results.json holds. before: as `judge_start` has it; base: as `base_of` has it."""
    corpus, recipe, length, taught = prepared.corpus, prepared.recipe, course.length, trained.taught
    unseen = prepared.vocabulary.unknown(corpus.test["transcript"][:])
    characters = "".join(corpus.test["transcript"][:])
    spoken = [find_language(tag) for tag in dict.fromkeys(corpus.languages)]
    readers = [reader for one in spoken if settings.units == "ipa" and (reader := find_reader(one))]
    shares = language_shares(corpus, settings.temperature)
    return {
        "command": settings.command_line(),
        "lang": settings.lang,
        "language": {
            "tag": prepared.language.tag,
            "name": prepared.language.name,
            "units": settings.units,
            "simplify": settings.simplify,
            "normaliser": NORMALISER_VERSION,
            "reader": "; ".join(reader.version() for reader in readers) or None,
            # Of phonetic transcription people count the symbols, and espeak-ng joins some words.
            "metric": "cer" if settings.units == "ipa" or not prepared.spaced else prepared.language.metric,
        },
        "model": {
            "name": base or Path(settings.model).name,
            "family": prepared.checkpoint.model.config.model_type,
            "parameters": prepared.cost.parameters,
            "multiply_adds_per_second": round(prepared.cost.multiply_adds),
            "layers_kept": settings.keep_layers,
            "base_model": base,
            "starter": is_of_starter(settings.model, fresh=prepared.checkpoint.fresh),
            "fresh": prepared.checkpoint.fresh,
            "symbols": len(prepared.vocabulary),
            # How many symbols of each kind their rows come from (docs/head.md); none where all are random.
            "head": count_kinds(prepared.inheritance),
        },
        "data": {
            **_data(corpus, {"train": corpus.train, "validation": corpus.validation, "test": corpus.test}),
            # What is trained of each: hours there are, and the share of an epoch.
            "languages": {one.tag: {"name": one.name, **_share(shares.get(one.tag))} for one in spoken},
            "test_characters_never_trained": {
                "symbols": len(unseen),
                "share": sum(character in unseen for character in characters) / max(1, len(characters)),
            },
        },
        "before": before,
        "after": after,
        "training": {
            "tuning": settings.tuning,
            "trained_parameters": prepared.cost.trained,
            "layers_frozen": settings.freeze_layers,
            "lora_rank": prepared.rank if settings.tuning == "lora" else None,
            "temperature": settings.temperature,
            "head_steps": recipe.rates.head_steps,
            "head_learning_rate": recipe.rates.head,
            "consistency": recipe.consistency,
            "best_validation_cer": taught.best,
            "best_step": taught.best_step,
            "last_validation_cer": taught.found[-1][1] if taught.found else None,
            # Of a run that ended early: the steps from which and to which its rates fell, and that of the weights.
            "ended_early": {**asdict(taught.descent), "planned": length.steps} if taught.descent else None,
            "clips_lost": {**course.train.bad, **course.task.validation.bad},
            **_training(settings, course.fit, length, taught),
        },
        "environment": describe_environment(),
    }


def _data(corpus: Corpus, splits: Mapping[str, datasets.Dataset]) -> dict[str, object]:
    """What was learnt from and judged by, and what was left out."""
    return {
        "sources": list(corpus.names),
        "weights": list(corpus.weights),
        "licenses": list(corpus.licenses),
        "hours": {name: round(sum(rows["seconds"][:]) / 3600, 4) for name, rows in splits.items()},
        "rows": {name: len(rows) for name, rows in splits.items()},
        "skipped": dict(Counter(skipped.reason for skipped in corpus.skipped)),
        "notes": list(corpus.notes),
        "fingerprint": corpus.fingerprint,
    }


def _training(settings: RunSettings, fit: Fit, length: Length, taught: Taught) -> dict[str, object]:
    """What any training was like, and what it took."""
    recipe = fit.recipe
    return {
        "batch_seconds": recipe.batch_seconds,
        "accumulation": length.accumulation,
        "learning_rate": recipe.rates.encoder,
        "optimizer": recipe.optimiser,
        "augment": [plain_augmentation(one) for one in recipe.augment],
        "dropout": settings.dropout,
        "gradient_checkpointing": fit.checkpointed,
        "precision": length.precision,
        "seed": settings.seed,
        "steps": taught.descent.ends if taught.descent else length.steps,
        "stopped_by": "patience" if taught.descent else length.stopped_by,
        "resumed_at_step": taught.resumed_at,
        "steps_skipped": taught.steps_skipped,
        "seconds": round(taught.seconds, 1),
        "evaluation_seconds": round(taught.evaluation_seconds, 1),
        "audio_seconds_per_second": round(taught.audio_seconds / max(taught.seconds, 1e-9), 1),
        "peak_memory_mb": peak_memory_mb(),
        "peak_memory_mb_estimated": round(fit.peak / 1e6),
    }


def _share(share: Share | None) -> dict[str, float]:
    return {"hours": round(share.hours, 4), "share": round(share.share, 4)} if share else {"hours": 0.0, "share": 0.0}


def gather_pretraining(
    settings: PretrainSettings,
    ready: Ready,
    lesson: Lesson,
    task: Pretraining,
    train: Clips,
    length: Length,
    taught: Taught,
) -> dict[str, object]:
    """What results.json holds of a pretraining run."""
    cost = ready.fit.cost
    fresh = ready.checkpoint.fresh
    return {
        "command": settings.command_line(),
        "lang": settings.lang,
        "model": {
            "name": known_as(settings.begins_as),
            "family": ready.checkpoint.model.config.model_type,
            "parameters": cost.parameters,
            "multiply_adds_per_second": round(cost.multiply_adds),
            "base_model": base_of(settings.begins_as, fresh=fresh),
            "starter": is_of_starter(settings.begins_as, fresh=fresh),
            "fresh": fresh,
        },
        "data": _data(lesson.corpus, {"train": lesson.corpus.train, "validation": lesson.validation}),
        "training": {
            "objective": settings.objective,
            **lesson.described,
            "decided_by": task.metric,
            "before": taught.before,
            "best": taught.best,
            "probe_seconds": round(taught.probe_seconds, 1),
            "clips_lost": dict(train.bad),
            **_training(settings, ready.fit, length, taught),
        },
        "environment": describe_environment(),
    }

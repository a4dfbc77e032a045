"""A saved model on a split it did not learn from, alone or against another on the same utterances."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import datasets
from transformers.utils import cached_file

from hf_speech_tl.corpora import find_spoken
from hf_speech_tl.errors import DataError, SettingsError
from hf_speech_tl.languages import check_units, find_model_language
from hf_speech_tl.scoring import compare
from hf_speech_tl.settings import STARTER, EvaluateSettings
from hf_speech_tl.stages.judgement import judge, load_recogniser
from hf_speech_tl.stages.reading import hear_split, read_corpus


def run(settings: EvaluateSettings) -> dict[str, object]:
    """Scores of `--model` on the split, and with `--against` those of the other model and the paired gain.

    The utterances are those that a training run of the first model with this data would have kept; both models get the
    same ones. Raises SettingsError or DataError.
    """
    known = _known(settings.model)
    tag = settings.lang or known.lang
    if tag is None:
        raise SettingsError(f"--lang: {settings.model} does not say which language it is of. Give --lang TAG.")
    if settings.against and (other := _known(settings.against)).writes != known.writes:
        raise SettingsError(
            f"--against {settings.against}: writes {other.writes}, {settings.model} writes {known.writes}; their "
            "errors cannot be compared. Compare models that write the same."
        )
    language = find_model_language(tag)
    for spoken in find_spoken(settings.data, tag):
        check_units(known.units, spoken)
    checkpoint, vocabulary = load_recogniser(settings.model)
    corpus = read_corpus(
        settings.data,
        language,
        checkpoint.model.config,
        units=known.units,
        simplify=known.simplify,
        max_seconds=settings.max_seconds,
        text_column=settings.text_column,
        tier=settings.tier,
        quiet=settings.quiet,
        only=None if settings.split == "all" else settings.split,
    )
    for split in ("train", "validation", "test") if settings.split == "all" else (settings.split,):
        corpus = hear_split(corpus, split, quiet=settings.quiet)
    rows = datasets.concatenate_datasets([corpus.train, corpus.validation, corpus.test])  # the unwanted ones are empty
    if not len(rows):
        raise DataError(f"--split {settings.split}: there is no utterance in it. Choose another split or other data.")
    ours = judge(checkpoint, vocabulary, rows, split=settings.split, units=known.units)
    results: dict[str, object] = {
        "command": "evaluate",
        "lang": language.tag,
        "model": settings.model,
        "data": {"sources": list(corpus.names), "rows": len(rows), "skipped": len(corpus.skipped)},
        "after": ours.scores,
    }
    if settings.against:
        other_checkpoint, other_vocabulary = load_recogniser(settings.against)
        theirs = judge(other_checkpoint, other_vocabulary, rows, split=settings.split, units=known.units)
        results["against"] = {
            "model": settings.against,
            "scores": theirs.scores,
            "gain": compare(ours.edits, theirs.edits, ours.spaced, rows["speaker"][:]),
        }
    return results


@dataclass(frozen=True)
class _Known:
    """What a model's results.json says of it, where it is one of ours."""

    lang: str | None = None
    units: str = "char"
    simplify: bool = False

    @property
    def writes(self) -> str:
        """The units in words."""
        return f"{self.units} units{', simplified' if self.simplify else ''}"


def _known(model: str) -> _Known:
    path = cached_file(model, "results.json", _raise_exceptions_for_missing_entries=False) if model != STARTER else None
    if path is None:
        return _Known()
    try:
        results = json.loads(Path(path).read_text("utf-8"))
        language = results["language"]
        known = _Known(results["lang"], language["units"], language["simplify"])
    except (OSError, ValueError, KeyError, TypeError):  # somebody else's file of that name
        return _Known()
    typed = isinstance(known.lang, str) and isinstance(known.units, str) and isinstance(known.simplify, bool)
    return known if typed else _Known()

"""A saved model on a split it did not learn from, alone or against another on the same utterances."""

from __future__ import annotations

import datasets

from hf_speech_tl.corpora import find_spoken
from hf_speech_tl.errors import DataError, SettingsError
from hf_speech_tl.languages import check_units, find_model_language
from hf_speech_tl.models import Writing, read_writing
from hf_speech_tl.scoring import compare
from hf_speech_tl.settings import EvaluateSettings
from hf_speech_tl.stages.judgement import dtype_of, judge, judge_saved, load_recogniser
from hf_speech_tl.stages.reading import hear_split, read_corpus


def run(settings: EvaluateSettings) -> dict[str, object]:
    """Scores of `--model` on the split, and with `--against` those of the other model and the paired gain.

    The utterances are those that a training run of the first model with this data would have kept; both models get the
    same ones. Raises SettingsError or DataError.
    """
    known = read_writing(settings.model)
    tag = settings.lang or (known.lang if known else None)
    if tag is None:
        raise SettingsError(f"--lang: {settings.model} does not say which language it is of. Give --lang TAG.")
    known = known or Writing(tag)
    other = read_writing(settings.against) if settings.against else None
    if settings.against and str(other or Writing(tag)) != str(known):
        raise SettingsError(
            f"--against {settings.against}: writes {other or Writing(tag)}, {settings.model} writes {known}; their "
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
    ours = judge(checkpoint, vocabulary, rows, split=settings.split, units=known.units, precision=settings.precision)
    results: dict[str, object] = {
        "command": "evaluate",
        "lang": language.tag,
        "model": settings.model,
        "data": {"sources": list(corpus.names), "rows": len(rows), "skipped": len(corpus.skipped)},
        "precision": str(dtype_of(settings.precision, checkpoint.model.device)).removeprefix("torch."),
        "after": ours.scores,
    }
    if settings.against:
        theirs = judge_saved(
            settings.against, rows, split=settings.split, units=known.units, precision=settings.precision
        )
        results["against"] = {
            "model": settings.against,
            "scores": theirs.scores,
            "gain": compare(ours.edits, theirs.edits, ours.spaced, rows["speaker"][:]),
        }
    return results

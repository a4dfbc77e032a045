"""A saved model on a split it did not learn from, alone or against another on the same utterances."""

from __future__ import annotations

from collections import Counter
from functools import partial

import datasets

from hf_speech_tl.corpora import Corpus, find_spoken
from hf_speech_tl.errors import DataError, SettingsError, named_by
from hf_speech_tl.languages import Unspeakable, check_units, find_language, find_model_language, transcript
from hf_speech_tl.models import Checkpoint, Vocabulary, Writing, read_config, read_writing
from hf_speech_tl.scoring import compare
from hf_speech_tl.settings import EvaluateSettings
from hf_speech_tl.stages.judgement import Rewrite, dtype_of, judge, load_recogniser
from hf_speech_tl.stages.reading import hear_split, read_corpus


def run(settings: EvaluateSettings) -> dict[str, object]:
    """Scores of `--model` on the split, and with `--against` those of the other model and the paired gain.

    The utterances are those that a training run of the first model with this data would have kept; both models get the
    same ones. Raises SettingsError or DataError.
    """
    read_config(settings.model)  # a name that is none is told as that
    known = read_writing(settings.model)
    tag = settings.lang or (known.lang if known else None)
    if tag is None:
        raise SettingsError(f"--lang: {settings.model} does not say which language it is of. Give --lang TAG.")
    writing = known or Writing(tag)
    against = _against(settings.against, writing) if settings.against else None
    language = find_model_language(tag)
    for spoken in find_spoken(settings.data, tag):
        check_units(writing.units, spoken)
    checkpoint, vocabulary = load_recogniser(settings.model)
    corpus = read_corpus(
        settings.data,
        language,
        checkpoint.model.config,
        units=writing.units,
        simplify=writing.simplify,
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
    ask = partial(judge, rows=rows, split=settings.split, units=writing.units, precision=settings.precision)
    ours = ask(checkpoint, vocabulary, rewrite=None if known else _normalised)
    results: dict[str, object] = {
        "command": "evaluate",
        "lang": language.tag,
        "model": settings.model,
        "data": {"sources": list(corpus.names), "rows": len(rows), "skipped": _left_out(corpus, settings.split)},
        "precision": str(dtype_of(settings.precision, checkpoint.model.device)).removeprefix("torch."),
        "after": ours.scores,
    }
    if against:
        theirs = ask(*against[:2], rewrite=against[2])
        results["against"] = {
            "model": settings.against,
            "scores": theirs.scores,
            "gain": compare(ours.edits, theirs.edits, ours.spaced, rows["speaker"][:]),
        }
    return results


def _against(name: str, writing: Writing) -> tuple[Checkpoint, Vocabulary, Rewrite | None]:
    """The other model, with its symbols and what puts its texts into those of `writing`. SettingsError where it writes
    something else, or cannot be used."""
    with named_by("--against"):
        read_config(name)
        known = read_writing(name)
        other = known or Writing(writing.lang)
        if str(other) != str(writing):
            raise SettingsError(
                f"--against {name}: writes {other}, the other model writes {writing}; their errors cannot be compared. "
                "Compare models that write the same."
            )
        return (*load_recogniser(name), None if known else _normalised)


def _normalised(text: str, tag: str) -> str:
    """What somebody else's model writes, as transcripts are: many write capitals, and some punctuation."""
    try:
        return transcript(text, find_language(tag))
    except Unspeakable:
        return text.lower()


def _left_out(corpus: Corpus, split: str) -> dict[str, int]:
    """How many rows that might have been judged were left out, by reason."""
    return dict(Counter(row.reason for row in corpus.skipped if split == "all" or row.split in (split, "")))

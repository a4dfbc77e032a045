"""What a model has forgotten of the languages that it was trained on before: their error, before and after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import datasets

from hf_speech_tl.languages import MANY, Unspeakable, find_language, find_model_language, transcript
from hf_speech_tl.models import Writing, read_config, read_writing
from hf_speech_tl.scoring import compare
from hf_speech_tl.settings import FinetuneSettings
from hf_speech_tl.stages.judgement import Judgement, judge, load_recogniser
from hf_speech_tl.stages.reading import hear_split, read_corpus


def measure_forgetting(before: str, after: Path, source: FinetuneSettings) -> dict[str, object] | None:
    """Scores of two models on the test split of `source`, and the paired comparison: the `gain` of `before`, which is
    what `after` has forgotten.

    source: the settings of a stage that trains on it, by which its recordings are read. Where the two write different
    units, what they write is romanised, and so are the transcripts; None where one writes IPA and the other does not,
    or `before` does not say what it writes or has no head.
    """
    known, now = read_writing(before), read_writing(str(after))
    if known is None or now is None or (known.units != now.units and "ipa" in (known.units, now.units)):
        return None
    units = known.units if known.units == now.units else "romanized"
    rows = _test_rows(source, before, units)
    if not len(rows):
        return None
    old, new = (_judge(name, writing, rows, units) for name, writing in ((before, known), (str(after), now)))
    return {
        "units": units,
        "before": old.scores,
        "after": new.scores,
        "forgotten": compare(old.edits, new.edits, old.spaced, rows["speaker"][:]),
    }


def _test_rows(source: FinetuneSettings, model: str, units: str) -> datasets.Dataset:
    corpus = read_corpus(
        source.data,
        find_model_language(source.lang),
        read_config(model),
        units=units,
        simplify=source.simplify,
        max_seconds=source.max_seconds,
        text_column=source.text_column,
        tier=source.tier,
        quiet=source.quiet,
        only="test",
    )
    return hear_split(corpus, "test", quiet=source.quiet).test if len(corpus.test) else corpus.test


def _judge(name: str, writing: Writing, rows: datasets.Dataset, units: str) -> Judgement:
    checkpoint, vocabulary = load_recogniser(name)
    rewrite = None if writing.units == units else _romaniser(writing.lang)
    return judge(checkpoint, vocabulary, rows, split="test", units=units, rewrite=rewrite)


def _romaniser(lang: str) -> Callable[[str, str], str]:
    """Romanises what a model of `lang` writes; one of many languages writes that which is spoken."""

    def rewrite(text: str, spoken: str) -> str:
        try:
            return transcript(text, find_language(spoken if lang == MANY else lang), "romanized")
        except Unspeakable:  # what nobody can read out is wrong in any letters
            return ""

    return rewrite

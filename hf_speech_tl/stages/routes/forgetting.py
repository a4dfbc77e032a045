"""What a model has forgotten of the languages that it was trained on before: their error, before and after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import datasets

from hf_speech_tl.languages import MANY, Unspeakable, find_language, transcript
from hf_speech_tl.models import Writing, read_writing
from hf_speech_tl.scoring import compare
from hf_speech_tl.settings import FinetuneSettings
from hf_speech_tl.stages.judgement import Judgement, judge_saved
from hf_speech_tl.stages.reading import read_test


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
    rows = read_test(source, before, units)
    if not len(rows):
        return None
    old, new = (_judge(name, writing, rows, units) for name, writing in ((before, known), (str(after), now)))
    return {
        "units": units,
        "before": old.scores,
        "after": new.scores,
        "forgotten": compare(old.edits, new.edits, old.spaced, rows["speaker"][:]),
    }


def _judge(name: str, writing: Writing, rows: datasets.Dataset, units: str) -> Judgement:
    rewrite = None if writing.units == units else _romaniser(writing.lang)
    return judge_saved(name, rows, split="test", units=units, rewrite=rewrite)


def _romaniser(lang: str) -> Callable[[str, str], str]:
    """Romanises what a model of `lang` writes; one of many languages writes that which is spoken."""

    def rewrite(text: str, spoken: str) -> str:
        try:
            return transcript(text, find_language(spoken if lang == MANY else lang), "romanized")
        except Unspeakable:  # what nobody can read out is wrong in any letters
            return ""

    return rewrite

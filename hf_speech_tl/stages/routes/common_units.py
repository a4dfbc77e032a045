"""Models of different stages on the same transcripts, also where they write different units: then romanised ones."""

from __future__ import annotations

from collections.abc import Callable

import datasets

from hf_speech_tl.languages import MANY, Unspeakable, find_language, transcript
from hf_speech_tl.models import read_writing
from hf_speech_tl.stages.judgement import Judgement, judge_saved


def common_units(one: str, other: str) -> str | None:
    """The units in which what two saved models write can be compared: their own, or romanised; None where it is not
    known what they write, or one writes IPA and the other does not."""
    first, second = read_writing(one), read_writing(other)
    if first is None or second is None:
        return None
    if first.units == second.units:
        return first.units
    return None if "ipa" in (first.units, second.units) else "romanized"


def judge_in(units: str, model: str, rows: datasets.Dataset) -> Judgement:
    """A saved model on test rows whose transcripts are in `units`; what it writes in others is romanised."""
    writing = read_writing(model)
    rewrite = _romaniser(writing.lang) if writing and writing.units != units else None
    return judge_saved(model, rows, split="test", units=units, rewrite=rewrite)


def _romaniser(lang: str) -> Callable[[str, str], str]:
    """Romanises what a model of `lang` writes; one of many languages writes that which is spoken."""

    def rewrite(text: str, spoken: str) -> str:
        try:
            return transcript(text, find_language(spoken if lang == MANY else lang), "romanized")
        except Unspeakable:  # what nobody can read out is wrong in any letters
            return ""

    return rewrite

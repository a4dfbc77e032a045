"""Every language of docs/languages.md that CLDR has words for: months, weekdays and countries as people write them."""

from __future__ import annotations

import runpy
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel import Locale, UnknownLocaleError

from hf_speech_tl.corpora.fleurs import CONFIGS
from hf_speech_tl.languages import Language, Unspeakable, find_language, transcript

_PAGE = Path(__file__).resolve().parents[2] / "scripts" / "build_languages_page.py"
_SIGNS = frozenset("'ʻ·་ -\u200c\u200d")  # beside letters and their marks


def _languages() -> Iterator[Language]:
    tags = [config.split("_")[0] for config in CONFIGS.split()] + runpy.run_path(str(_PAGE))["_OTHERS"].split()
    yield from {language.tag: language for language in map(find_language, tags)}.values()


def _words(language: Language) -> list[str]:
    """Empty where CLDR has none of the language's own in this script."""
    try:
        locale = Locale.parse(language.tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return []
    texts = [*locale.months["format"]["wide"].values(), *locale.days["format"]["wide"].values()]
    texts += locale.territories.values()
    english = {*Locale("en").territories.values(), *Locale("en").months["format"]["wide"].values()}
    own = [text for text in texts if language.tag == "en" or text not in english]
    return own if len(own) > 50 else []


def test_words_of_every_language_stay_words() -> None:
    checked = []
    for language in _languages():
        texts, refused = _words(language), 0
        for text in texts:
            try:
                once = transcript(text, language)
            except Unspeakable as error:
                assert error.reason in ("digits", "symbol", "note in brackets"), (language.tag, text, error)
                refused += 1
                continue
            assert once and transcript(once, language) == once, (language.tag, text)
            assert all(sign in _SIGNS or unicodedata.category(sign)[0] in "LM" for sign in once), (language.tag, text)
            assert (" " in once) <= language.spaced, (language.tag, text)
        # Months by number, and the ampersand of "Bosnia & Herzegovina".
        assert refused <= 0.25 * len(texts), (language.tag, refused, len(texts))
        checked += [language.tag] if texts else []
    assert len(checked) >= 110, sorted(checked)


@pytest.mark.slow
def test_words_of_every_language_can_be_romanised() -> None:
    checked = []
    for language in _languages():
        kept = set()
        for text in _words(language)[:40]:
            try:
                latin = transcript(text, language, "romanized")
            except Unspeakable as error:
                assert error.reason in ("digits", "symbol", "note in brackets", "no romanisation"), (language.tag, text)
                continue
            assert latin and set(latin) <= set("abcdefghijklmnopqrstuvwxyz 12345"), (language.tag, text, latin)
            kept.add(latin)
        checked += [language.tag] if len(kept) > 15 else []
    assert len(checked) >= 110, sorted(checked)

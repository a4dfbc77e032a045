"""Any script in Latin letters: pinyin for Mandarin, uroman for all others."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from hf_speech_tl.languages.characters import Unspeakable, has_han
from hf_speech_tl.languages.pinyin import is_mandarin, to_pinyin
from hf_speech_tl.languages.tags import Language

if TYPE_CHECKING:
    from uroman import Uroman


def romanise(text: str, language: Language) -> str:
    """Lower-case ASCII letters and single spaces (and pinyin's tone digits) for a text that is normalised already.

    uroman: Hermjakob, May and Knight, Out-of-the-box Universal Romanization Tool uroman (ACL 2018). Raises Unspeakable
    for characters without a romanisation, among them ideographs in languages other than Mandarin: uroman would read
    Japanese in Chinese.
    """
    if is_mandarin(language):
        return to_pinyin(text, language, lambda piece: _latin(piece, language))
    if has_han(text):
        raise Unspeakable("no romanisation", f"ideographs, whose reading in {language.name} no library here knows")
    return _latin(text, language)


def _latin(text: str, language: Language) -> str:
    return " ".join(_word(word, language.tag) for word in text.split())


def _word(word: str, tag: str) -> str:
    # uroman goes word by word itself, a millisecond each, and leaves ASCII letters alone.
    latin = word if word.isascii() else _uroman().romanize_string(word, lcode=_code(tag)).lower()
    latin = unicodedata.normalize("NFKD", latin)
    for character in latin:
        if character.isalnum() and not character.isascii() and unicodedata.category(character) != "Lm":
            raise Unspeakable("no romanisation", character)
    kept = " ".join(re.sub("[^a-z ]", "", latin).split())
    if not kept:
        raise Unspeakable("no romanisation", word)
    return kept


@cache
def _code(tag: str) -> str | None:
    import langcodes

    try:
        return langcodes.get(tag).to_alpha3()
    except LookupError:
        return None


@cache
def _uroman() -> Uroman:
    from uroman import Uroman

    return Uroman()  # reads its tables for seconds: once a process

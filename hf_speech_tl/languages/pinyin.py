"""Hanyu Pinyin with tone digits: read from characters, and recognised where a text already is pinyin."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from itertools import groupby

from hf_speech_tl.languages.characters import Unspeakable, has_han, kind
from hf_speech_tl.languages.chinese import simplified
from hf_speech_tl.languages.tags import Language

# Initials and finals with v for ü, as on keyboards, and the syllables without a vowel (嗯 n2, 噷 hm5).
_SYLLABLE = (
    "(?:(?:[zcs]h|[bpmfdtnlgkhrzcsjqxyw])?"
    "(?:iang|iong|uang|ueng|ang|eng|ing|ong|iao|ian|uai|uan|van|ai|ei|ao|ou|an|en|er|ia|ie|io|iu|in|ua|uo|ue|ui|un|"
    "ve|vn|a|o|e|i|u|v)|hng|hm|ng|m|n|r)"
)
_TONED = re.compile(f"{_SYLLABLE}[1-5]")
_TONED_WORD = re.compile(f"(?:{_SYLLABLE}[1-5])+")
_WORD = re.compile("[0-9A-Za-z]+")
_UMLAUT = re.compile("ü|u:", re.IGNORECASE)
_TONE_MARKS = frozenset("\u0300\u0301\u0304\u030c")


def is_mandarin(language: Language) -> bool:
    """Whether pinyin is the romanisation of the language, in whatever script it is written."""
    return language.tag.split("-")[0] == "zh"


def toned_pinyin(text: str) -> str | None:
    """Lower-case pinyin syllables with a space between them; None for any other text.

    At least one syllable has its tone digit; Latin words may stand among them, as in `ka3 la1 ok`. Written with v for
    ü. Raises Unspeakable where syllables stand among characters or numbers: their tones would be read as numbers too.
    """
    text = _UMLAUT.sub("v", text)
    words = _WORD.findall(text)
    toned = [word for word in words if _syllables(word)]
    if not toned:
        return None
    others = [word for word in words if not word.isalpha() and not _syllables(word)]
    if not others and all(kind(character) == "gap" for character in _WORD.sub("", text)):
        return " ".join(" ".join(_syllables(word)) or word.lower() for word in words)
    if longer := [word for word in toned if len(word) > 2]:  # a4 may be the paper
        raise Unspeakable("digits", f"{longer[0]}: a tone or a number")
    return None


def _syllables(word: str) -> list[str]:
    if word[0].isupper() and word[1:2].islower():  # Ni3, but not A4 nor MP3
        word = word.lower()
    return _TONED.findall(word) if _TONED_WORD.fullmatch(word) else []


def to_pinyin(text: str, language: Language, foreign: Callable[[str], str]) -> str:
    """Syllables with tone digits for characters (`ni3 hao3`; 5 is the neutral tone, v is ü), `foreign` for the rest.

    Readings are those of pypinyin's dictionary of phrases. It has the sandhi of 一 and 不 in some of them, and few of
    the neutral tones that people say (妈妈 is ma1 ma1). It is in simplified characters, so traditional text is looked
    up through them: in 銀行 it would not know that 行 is hang2.
    """
    from pypinyin import Style, lazy_pinyin

    if language.script == "Hant":
        text = simplified(text)
    syllables: list[str] = []
    for han, run in groupby(text, has_han):
        piece = "".join(run)
        if han:
            found = lazy_pinyin(piece, style=Style.TONE3, neutral_tone_with_five=True, errors=_refuse)
            syllables += [syllable.replace("ê", "e") for syllable in found]
        elif _TONE_MARKS.intersection(unicodedata.normalize("NFD", piece)):
            raise Unspeakable("tone marks", f"{piece}: write pinyin with digits, as ni3 hao3")
        else:
            syllables.append(foreign(piece))
    return " ".join(filter(None, syllables))


def _refuse(piece: str) -> str:
    raise Unspeakable("no romanisation", piece)

"""One spelling for what Unicode and typewriters write in several ways: joiners, chillu letters, apostrophes, case."""

from __future__ import annotations

import re
import unicodedata

from hf_speech_tl.languages.characters import Unspeakable
from hf_speech_tl.languages.tags import Language

# Ligatures, positional and full-width forms: pictures of letters, kept in Unicode for old encodings.
_PICTURES = re.compile("[\ufb00-\ufdff\ufe70-\ufeff\uff00-\uffef]")
# Variation selectors choose a picture too; the Arabic tatweel stretches a line.
_SILENT = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\u0640]")
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼʻ´`′׳", "'"))
# The glottal stop of Polynesian languages is a letter, also where a word begins with it, and a typewriter's apostrophe
# is mostly meant for it: Hawaiian ʻokina, Tongan fakauʻa, Samoan koma liliu, Tahitian ʻeta.
_OKINA = frozenset({"haw", "to", "sm", "ty", "rap", "rar", "wls", "fud"})
_TO_OKINA = str.maketrans(dict.fromkeys("’‘ʼ´`′'", "ʻ"))
# Uzbek has letters oʻ and gʻ, also at the end of a word (bogʻ), besides an apostrophe.
_UZBEK_LETTER = re.compile("(?<=[oOgG])'")
_SYLLABLE_BREAK = re.compile(r"(?<=\S)[.‿](?=\S)")
# Abbreviations in Hebrew carry a double mark inside the word.
_GERSHAYIM = re.compile('(?<=[א-ת])[״"](?=[א-ת])')
# Malayalam letters without a vowel were written consonant + virama + joiner until Unicode 5.1 gave them code points:
# https://www.unicode.org/versions/Unicode5.1.0/#Malayalam_Chillu_Characters and, for the last three, Unicode 9.0.
_CHILLU = {"ണ": "ൺ", "ന": "ൻ", "ര": "ർ", "റ": "ർ", "ല": "ൽ", "ള": "ൾ", "ക": "ൿ", "മ": "ൔ", "യ": "ൖ", "ഴ": "ൕ"}
_OLD_CHILLU = re.compile(f"([{''.join(_CHILLU)}])\u0d4d\u200d")
# The same for the Bengali letter khanda ta.
_OLD_KHANDA_TA = "ত\u09cd\u200d"
# Where a joiner beside the virama of the script, or between Arabic letters, tells one word from another.
_MEANT_JOINER = {
    "Beng": re.compile("\u200d(?=\u09cd)|(?<=\u09cd)\u200d"),
    "Deva": re.compile("\u200d(?=\u094d)|(?<=\u094d)\u200d"),
    "Knda": re.compile("\u200d(?=\u0ccd)|(?<=\u0ccd)\u200d"),
    "Sinh": re.compile("\u200d(?=\u0dca)|(?<=\u0dca)\u200d"),
    "Arab": re.compile(r"(?<=[^\W\d_])\u200c(?=[^\W\d_])"),
}
_COMPATIBLE_SCRIPTS = frozenset({"Hans", "Hant", "Hani", "Jpan", "Hira", "Kana", "Hrkt"})
_DOTTED_I = frozenset({"tr", "az", "crh", "gag"})


def compose(text: str, language: Language) -> str:
    """NFC; for Chinese and Japanese NFKC, whose widths and half-width kana are the same characters.

    Raises Unspeakable for ①, m², ㎡ and other numbers in disguise, of which NFKC would make another number.
    """
    if language.script not in _COMPATIBLE_SCRIPTS:
        return unicodedata.normalize("NFC", text)
    for character in set(text):
        if not character.isascii() and _is_disguised(character):
            raise Unspeakable("digits", character)
    return unicodedata.normalize("NFKC", text)


def _is_disguised(character: str) -> bool:
    category, number = unicodedata.category(character), unicodedata.normalize("NFKC", character)
    if category in ("No", "Nl"):
        return character != "〇" and "⁄" not in number
    return category == "So" and any(part.isdecimal() for part in number)


def spell(text: str, language: Language) -> str:
    """Fold variants that sound the same and drop what has no sound; letters and combining signs all stay."""
    text = _PICTURES.sub(lambda picture: unicodedata.normalize("NFKC", picture[0]), compose(text, language))
    if language.script == "Mlym":
        text = _OLD_CHILLU.sub(lambda old: _CHILLU[old[1]], text)
    elif language.script == "Beng":
        text = text.replace(_OLD_KHANDA_TA, "ৎ")
    elif language.script == "Hebr":
        text = _GERSHAYIM.sub("", text)
    text = _drop_formats(_SILENT.sub("", text), _MEANT_JOINER.get(language.script))
    if is_phonetic(language):
        return _SYLLABLE_BREAK.sub("", text)
    first = language.tag.split("-")[0]
    if first in _OKINA:
        return text.translate(_TO_OKINA)
    text = text.translate(_APOSTROPHES)
    return _UZBEK_LETTER.sub("ʻ", text) if first == "uz" and language.script == "Latn" else text


def lower(text: str, language: Language) -> str:
    """Lower case, with the two kinds of i that Turkish and its neighbours have."""
    if language.tag.split("-")[0] in _DOTTED_I and language.script == "Latn":
        text = text.replace("İ", "i").replace("I", "ı")
    return text.lower()


def is_phonetic(language: Language) -> bool:
    """Whether texts are phonetic transcription, in which an apostrophe letter is a sound and digits may be tones."""
    subtags = language.tag.split("-")
    return subtags[0] == "mis" or "fonipa" in subtags


def _drop_formats(text: str, meant: re.Pattern[str] | None) -> str:
    if text.isascii():
        return text
    keep = {match.start() for match in meant.finditer(text)} if meant else set()
    return "".join(
        character for place, character in enumerate(text) if place in keep or unicodedata.category(character) != "Cf"
    )

"""What one symbol of a vocabulary stands for: how it is romanised, how it sounds, and how far two sounds are apart.

A symbol is what a CTC head predicts: a letter, an ideograph, a syllable of pinyin, a sound of the IPA. Alone it says
less than in a word, so all of this is a guess, good enough for a weight to begin with.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib import util
from typing import TYPE_CHECKING

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.languages.characters import Unspeakable
from hf_speech_tl.languages.ipa import check_reader, to_ipa
from hf_speech_tl.languages.pinyin import is_mandarin
from hf_speech_tl.languages.romanise import romanise
from hf_speech_tl.languages.spelling import is_phonetic
from hf_speech_tl.languages.tags import Language

if TYPE_CHECKING:
    from panphon.distance import Distance

# espeak-ng names a letter that stands alone. It reads words, of which what all have in common is the letter's sound:
# consonants between back vowels, where they are hard in the languages of Europe, and vowels between consonants.
_WORDS = {
    "Latn": (("ta{}a", "po{}o", "ku{}u"), ("t{}ta", "p{}po", "k{}ku")),
    "Cyrl": (("та{}а", "по{}о", "ку{}у"), ("т{}та", "п{}по", "к{}ку")),
    "Grek": (("τα{}α", "πο{}ο", "κου{}ου"), ("τ{}τα", "π{}πο", "κ{}κου")),
}
# Latin letters as romanisations mean them: consonants mostly as in English, vowels as in Latin; pinyin its own way.
_ROMAN = {"sh": "ʃ", "ch": "tʃ", "zh": "ʒ", "kh": "x", "th": "θ", "dh": "ð", "ng": "ŋ", "gh": "ɣ", "c": "k", "g": "ɡ",
          "j": "dʒ", "q": "k", "x": "ks", "y": "j"}  # fmt: skip
_PINYIN = {"zh": "tʂ", "ch": "tʂʰ", "sh": "ʂ", "ng": "ŋ", "b": "p", "p": "pʰ", "d": "t", "t": "tʰ", "g": "k",
           "k": "kʰ", "j": "tɕ", "q": "tɕʰ", "x": "ɕ", "r": "ʐ", "z": "ts", "c": "tsʰ", "h": "x", "y": "j",
           "v": "y"}  # fmt: skip
_WITH_VOWEL = re.compile(
    "(DEVANAGARI|BENGALI|GURMUKHI|GUJARATI|ORIYA|TAMIL|TELUGU|KANNADA|MALAYALAM|SINHALA|TIBETAN|KHMER) LETTER "
)
_LONG = re.compile(r"([aeiou])\1")
_LETTER = re.compile("[czsktdg]h|ng|[a-z]")
_AFFRICATE = re.compile("t(?=[sʃɕʂ])|d(?=[zʒʑʐ])")
_TIE = "\u0361"  # makes one segment of an affricate, as panphon counts


def romanisations(symbol: str, language: Language, units: str) -> tuple[str, ...]:
    """Lower-case Latin letters for a symbol, the closest form first; empty where it has none.

    Pinyin has two, with the tone digit and without, and so have long vowels; a consonant of an Indic script is without
    the vowel that it has alone. `units` are those that the vocabulary was made of. For a vocabulary of an unknown
    language, `find_model_language("mul")` will do.
    """
    if units == "romanized" or symbol.isascii():
        form = symbol.lower()
    else:
        try:
            form = romanise(symbol.lower(), language)
        except Unspeakable:
            return ()
        if _WITH_VOWEL.match(unicodedata.name(symbol[0], "")):
            form = form.removesuffix("a") or form
    looser = (form, form.rstrip("12345"), _LONG.sub(r"\1", form))
    return tuple(dict.fromkeys(form for form in looser if re.search("[a-z]", form)))


def sound(symbol: str, language: Language, units: str) -> str | None:
    """A symbol in the IPA: itself where it is written so, else read by the language's reader (languages/ipa.py), else
    as its romanisation is read; None for what has no sound of its own.

    Where the reader is missing the romanisation is all there is.
    """
    if units == "ipa" or is_phonetic(language):
        return symbol.strip("ˈˌ") or None
    spoken = _read(symbol, language) if units == "char" else None
    if spoken is None and (forms := romanisations(symbol, language, units)):
        table = _PINYIN if is_mandarin(language) else _ROMAN
        spoken = "".join(table.get(letter, letter) for letter in _LETTER.findall(forms[-1]))
    return _AFFRICATE.sub(lambda stop: stop[0] + _TIE, spoken) if spoken else None


def can_compare_sounds() -> bool:
    """Whether panphon is there, which knows the features of sounds (extra `ipa`)."""
    return util.find_spec("panphon") is not None


@lru_cache(maxsize=1_000_000)
def sound_distance(one: str, other: str) -> float:
    """How far two pieces of IPA are apart, 0 for the same.

    The share of 24 articulatory features that differ, halves for those that only one of them has, summed over the
    cheapest alignment of their segments, in which one without a partner costs about 1: Mortensen et al., PanPhon: A
    Resource for Mapping IPA Segments to Articulatory Feature Vectors (COLING 2016). ImportError without panphon;
    infinite for what it has no segment in.
    """
    distance = panphon()
    if not all(distance.fm.word_fts(piece) for piece in (one, other)):
        return float("inf")
    return float(distance.feature_edit_distance(one, other))


@cache
def panphon() -> Distance:
    """Distances between sounds, and under `fm` their features. ImportError without panphon."""
    from panphon.distance import Distance

    return Distance()  # reads its tables for seconds: once a process


def _read(symbol: str, language: Language) -> str | None:
    try:
        reader = check_reader(language)
        if reader.engine == "epitran":  # goes letter by letter, also through one
            return to_ipa(symbol, language) or None
        if language.script not in _WORDS or not symbol.isalpha():
            return None
        roman = romanisations(symbol, language, "char")
        words = _WORDS[language.script][bool(roman) and roman[0][0] in "aeiou"]
        return _common([to_ipa(unicodedata.normalize("NFC", word.format(symbol)), language) for word in words])
    except (Unspeakable, SettingsError):
        return None


def _common(readings: Iterable[str]) -> str | None:
    """The longest piece that is in all readings; None where nothing is."""
    first, *others = readings
    pieces = (first[start:end] for start in range(len(first)) for end in range(len(first), start, -1))
    # A length mark or a palatalisation that is left of the neighbours is no sound by itself.
    found = [
        piece
        for piece in pieces
        if unicodedata.category(piece[0]) not in ("Lm", "Mn") and all(piece in other for other in others)
    ]
    return max(found, key=len, default=None)

"""A transcript as written, turned into the characters that a model is trained and scored on."""

from __future__ import annotations

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.languages.characters import letters, refuse_notes
from hf_speech_tl.languages.chinese import is_chinese, spoken_characters
from hf_speech_tl.languages.ipa import check_reader, to_ipa
from hf_speech_tl.languages.numerals import in_words
from hf_speech_tl.languages.pinyin import is_mandarin, toned_pinyin
from hf_speech_tl.languages.romanise import romanise
from hf_speech_tl.languages.spelling import compose, is_phonetic, lower, spell
from hf_speech_tl.languages.tags import Language

# Stands in results.json: scores compare only where it is the same. Raise it with any change of any transcript.
NORMALISER_VERSION = "3"

_UNITS = ("char", "romanized", "ipa")
# Signs inside a word that spell it: Catalan col·legi, Tibetan syllables.
_INNER_DOT = {"ca": "·", "oc": "·", "bo": "་", "dz": "་"}


def check_units(units: str, language: Language) -> None:
    """Raise SettingsError for units that do not exist, that the language does not have, or that want an extra."""
    if units not in _UNITS:
        raise SettingsError(f"units: {units!r} is not available; choose {', '.join(_UNITS[:-1])} or {_UNITS[-1]}")
    if units == "ipa" and not is_phonetic(language):
        check_reader(language)


def transcript(text: str, language: Language, units: str = "char", *, simplify: bool = False) -> str:
    """Normalise a transcript; empty where it holds no words. Of its own output it changes nothing, but for `ipa`.

    `char`: NFC letters and combining signs, lower-case, numbers in words, no punctuation; one space between words, or
    none where the script has none. `romanized`: the same in ASCII letters, for Mandarin pinyin with tone digits
    (`ni3 hao3`). A Mandarin text that is pinyin with tone digits is kept in both. `ipa`: the phonetic alphabet without
    stress, read from spelling, so that a second pass would read it as spelling; a text of `mis` or with -fonipa in its
    tag is IPA already, and stays as in `char`. `simplify` turns traditional into simplified characters.

    Raises Unspeakable(reason) for a text whose spoken form is unclear, SettingsError as check_units does.
    """
    check_units(units, language)
    if simplify and not is_chinese(language):
        raise SettingsError(f"simplify: {language.name} is not written in Chinese characters; leave it out")
    refuse_notes(text)
    if is_mandarin(language) and (syllables := toned_pinyin(compose(text, language))) is not None:
        return syllables
    if is_chinese(language):
        characters = spoken_characters(text, language, simplify=simplify)
    else:
        characters = _words(text, language)
    if units == "ipa" and not is_phonetic(language):
        return to_ipa(characters, language)
    return romanise(characters, language) if units == "romanized" else characters


def _words(text: str, language: Language) -> str:
    text = in_words(spell(text, language), language)
    inner = "'" + _INNER_DOT.get(language.tag.split("-")[0], "")
    return compose(lower(letters(text, inner=inner, gap=" " if language.spaced else ""), language), language)

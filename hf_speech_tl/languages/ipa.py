"""Spelling in the International Phonetic Alphabet: read by espeak-ng, by epitran where espeak-ng lacks or misreads.

espeak-ng first: its rules and word lists know what neighbours do to each other (final devoicing, liaison, Hindi's
silent vowels) and irregular spellings; epitran maps letter by letter, and is better only where spelling is sound. Which
one reads a language is fixed here, not by what is installed, for an error rate must not depend on that. Both read
dictionary speech, as a person of the standard would say it: no accent, no slip of a speaker is in it.

Mortensen, Dalmia and Littell, Epitran: Precision G2P for Many Languages (LREC 2018); espeak-ng 1.52,
https://github.com/espeak-ng/espeak-ng.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib import util
from typing import TYPE_CHECKING, Literal

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.languages import espeak
from hf_speech_tl.languages.characters import Unspeakable
from hf_speech_tl.languages.spelling import is_phonetic
from hf_speech_tl.languages.tags import MANY, Language, find_language

if TYPE_CHECKING:
    from epitran.simple import SimpleEpitran

# Voices of espeak-ng 1.52 that were looked through, over the names of countries in CLDR. Left out are those that lose
# tones (cmn, yue, hak, th, my, shn, vi), ejectives (am, ka, om, ti), vowels that are not written (ar, he), glottal
# stops (haw) or nasal vowels (ht); that name letters instead of reading them (as, or, kok, chr, kanji of ja, clitics of
# mt, ng' of sw); that write short vowels as glottal stops (da) or no IPA (ky); that misread ko, tk, tr and uz; and any
# not yet seen.
_VOICES = (
    "af an az ba be bg bn bs ca cs cv cy de el en en-US eo es es-419 et eu fa fi fr fr-BE fr-CH ga gd gn gu hi hr hu "
    "hy ia id is it kk kn la lb lt lv mi mk ml mr ms nb ne nl pa pap pl pt pt-BR qu ro ru sd si sk sl sq sr sv ta te "
    "tt ug uk ur"
)
# Maps of epitran 1.35 that were looked through, each for a script. Left out are those for Arabic scripts, which lack
# the unwritten vowels too; for Chinese, which read no characters, and not all pinyin (xue2); those that lack letters
# (tgk-Cyrl, aze-Cyrl), misread them (c in glg, qu in oci, sh in kin) or split words (tuk); and any not yet seen.
_MAPS = (
    "amh-Ethi bho-Deva ceb-Latn csb-Latn fry-Latn ful-Latn hat-Latn-bab hau-Latn ilo-Latn jav-Latn kab-Latn kat-Geor "
    "kir-Cyrl kmr-Latn kor-Hang lij-Latn lug-Latn mlt-Latn mon-Cyrl-bab nno-Latn nya-Latn ori-Orya orm-Latn run-Latn "
    "sag-Latn sna-Latn som-Latn swa-Latn tir-Ethi tpi-Latn tsn-Latn tur-Latn uzb-Cyrl uzb-Latn vie-Latn xho-Latn "
    "yor-Latn zul-Latn"
)
_BOTH_SCRIPTS = frozenset({"sr-Latn"})  # the voice reads the other script of the language as well
# How Unicode names the letters of a script. Of those of another one, espeak-ng says the names, in whatever language.
_LETTERS = {"Latn": "LATIN", "Cyrl": "CYRILLIC", "Grek": "GREEK", "Arab": "ARABIC", "Armn": "ARMENIAN",
            "Geor": "GEORGIAN", "Ethi": "ETHIOPIC", "Deva": "DEVANAGARI", "Beng": "BENGALI", "Guru": "GURMUKHI",
            "Gujr": "GUJARATI", "Orya": "ORIYA", "Taml": "TAMIL", "Telu": "TELUGU", "Knda": "KANNADA",
            "Mlym": "MALAYALAM", "Sinh": "SINHALA", "Kore": "HANGUL"}  # fmt: skip
_PACKAGES = {"espeak-ng": ("espeakng_loader", "espeak"), "epitran": ("epitran", "ipa")}

# Stress is not a sound and is often guessed; ties would be a symbol of their own to learn; a hyphen joins a liaison.
_UNTRAINED = str.maketrans(dict.fromkeys("ˈˌ'-\u0361\u035c\u200d"))
# What espeak-ng writes in its own alphabet where nobody gave the phoneme an IPA name, after
# https://en.wikipedia.org/wiki/Kirshenbaum and what the language has there: retroflex flaps, the palatalised consonants
# of Estonian, the low tone of Punjabi; its variants of Icelandic n and Russian u have no letter of their own.
_ASCII_IPA = (("r.", "ɽ"), ("^", "ʲ"), ("X", "χ"), ("A", "a"), ("+", "\u0300"), ("g", "ɡ"), ("ʦ", "ts"), ("q1", "q"),
              ('"', ""), ("#", ""))  # fmt: skip
# Languages of five vowel qualities (and ə and ɨ in Romanian), or with one i and one u: espeak-ng writes how its
# synthesis shades them, which is no contrast to learn.
_FIVE_VOWELS = str.maketrans("ɪʊɛɔæɑɐ", "iueoaaa")
_VOWELS = dict.fromkeys(("an", "bs", "el", "eo", "es", "eu", "hr", "ia", "mi", "mk", "ro", "sr"), _FIVE_VOWELS) | (
    dict.fromkeys(("it", "fi"), str.maketrans("ɪʊ", "iu"))
)
# Letters, tones and marks of the alphabet, decomposed; å, ñ and the like are what epitran did not know and left.
_ALPHABET = frozenset("abcdefhijklmnopqrstuvwxyzæðøħŋœɡβθχᶑǀǁǂǃ˥˦˧˨˩ ") | frozenset(map(chr, range(0x250, 0x2B0)))
_MARKS = frozenset(
    "\u0300\u0301\u0303\u0304\u0306\u030a\u031a\u031d\u0324\u0325\u0329\u032a\u032f\u0330\u033a\u033b\u0348"
)
_LEFT_OVER = frozenset("åñ")
_ACCENTS = str.maketrans(dict.fromkeys("\u0300\u0301"))
# Bengali letters with a dot: NFC takes the dot off, and espeak-ng then loses the vowel sign after it.
_DOTTED = re.compile("([ডঢয])\u09bc(?=[\u09be-\u09cc])")
_TO_DOTTED = {"ড": "\u09dc", "ঢ": "\u09dd", "য": "\u09df"}
# Romanian s-a, l-am: without the hyphen, espeak-ng names the letter.
_PROCLITIC = re.compile(r"\b([dlmnsv]) (?=[aeiouăâî])")
# Of the north, after https://en.wikipedia.org/wiki/Vietnamese_alphabet#Tone_marks; epitran's map merges three of them.
_TONES = {"": "˧", "\u0300": "˨˩", "\u0301": "˧˥", "\u0309": "˧˩˧", "\u0303": "˧˥ˀ", "\u0323": "˧˨ˀ"}


@dataclass(frozen=True)
class Reader:
    """What reads a language: an engine and its voice or map, such as espeak-ng `it` or epitran `kor-Hang`."""

    engine: Literal["espeak-ng", "epitran"]
    voice: str

    def version(self) -> str:
        """In words, with the release that is installed; scores in IPA compare only where it is the same."""
        from importlib import metadata

        release = espeak.version() if self.engine == "espeak-ng" else metadata.version("epitran")
        return f"{self.engine} {release}, {self.voice}"


@lru_cache(maxsize=64)
def find_reader(language: Language) -> Reader | None:
    """The one reader that a language has, installed or not; None where neither engine reads it rightly.

    None too for texts that are IPA already, by their tag, and for what several languages share.
    """
    if is_phonetic(language) or language.tag == MANY:
        return None
    import langcodes

    first = language.tag.split("-")[0]
    likely = find_language(first).script
    voices = [voice for voice in _VOICES.split() if voice.split("-")[0] == {"no": "nb"}.get(first, first)]
    if voices and (language.script == likely or f"{first}-{language.script}" in _BOTH_SCRIPTS):
        # es-MX is nearer to es-419 than to es; what is left open is the first voice.
        return Reader("espeak-ng", langcodes.closest_match(language.tag, voices)[0] if len(voices) > 1 else voices[0])
    script = {"Kore": "Hang"}.get(language.script, language.script)
    try:
        code = f"{langcodes.get(language.tag).to_alpha3()}-{script}"
    except LookupError:
        return None
    return next((Reader("epitran", found) for found in _MAPS.split() if found.removesuffix("-bab") == code), None)


def is_installed(reader: Reader) -> bool:
    """Whether the package of its engine is there."""
    return util.find_spec(_PACKAGES[reader.engine][0]) is not None


@lru_cache(maxsize=64)
def check_reader(language: Language) -> Reader:
    """The reader of a language, found installed. Raises SettingsError where there is none, or it is not installed."""
    reader = find_reader(language)
    if reader is None:
        raise SettingsError(
            f"units: ipa: neither espeak-ng nor epitran reads {language.name} ({language.tag}) rightly; choose char or "
            "romanized, or a language that has IPA in docs/languages.md"
        )
    if not is_installed(reader):
        extra = _PACKAGES[reader.engine][1]
        raise SettingsError(
            f"units: ipa: {language.name} is read by {reader.engine}, which is not installed; "
            f"pip install 'hf_speech_tl[{extra}]'"
        )
    return reader


def to_ipa(text: str, language: Language) -> str:
    """IPA for a text that is normalised already: NFC, one space between words, without stress and tie bars.

    Length, nasality and tones stay. espeak-ng joins some small words to the next (`in the`: ɪnðə). Raises
    Unspeakable for letters of another script, words that the voice reads in another language and whatever else leaves
    no IPA; SettingsError as check_reader does.
    """
    reader = check_reader(language)
    for letter in set(text):
        # Modifier letters, as in Uzbek oʻ, belong to no script.
        if unicodedata.category(letter) in ("Ll", "Lo") and not _is_of(letter, language.script):
            raise Unspeakable("no IPA", f"{letter} is not of the script of {language.name}")
    read = _by_espeak if reader.engine == "espeak-ng" else _by_epitran
    symbols = unicodedata.normalize("NFC", " ".join(read(text, reader.voice).translate(_UNTRAINED).split()))
    parts = set(unicodedata.normalize("NFD", symbols.replace("ç", "c")))
    if strange := sorted({part for part in parts if not _is_ipa(part)} | _LEFT_OVER.intersection(symbols)):
        raise Unspeakable("no IPA", f"{reader.engine} writes {' '.join(strange)}")
    if text and not symbols:
        raise Unspeakable("no IPA", text)
    return symbols


def _by_espeak(text: str, voice: str) -> str:
    language = voice.split("-")[0]
    if language == "qu" and "'" in text:
        raise Unspeakable("no IPA", "espeak-ng names the letters of Quechua words with an apostrophe")
    if language == "bn":
        text = _DOTTED.sub(lambda letter: _TO_DOTTED[letter[1]], text)
    elif language == "ro":
        text = _PROCLITIC.sub(r"\1", text)
    spoken = espeak.phonemes(text, voice)
    if "(" in spoken:
        raise Unspeakable("no IPA", f"espeak-ng takes a word of it for another language: {spoken}")
    if language == "ml":  # ഴ is an approximant where the languages of the north have a flap
        spoken = spoken.replace("r.", "ɻ")
    for written, symbol in _ASCII_IPA:
        spoken = spoken.replace(written, symbol)
    return spoken.translate(_VOWELS.get(language, {}))


def _by_epitran(text: str, code: str) -> str:
    return " ".join(_word(word, code) for word in text.split())


@lru_cache(maxsize=100_000)
def _word(word: str, code: str) -> str:
    # Its rules for the ends of words see only the ends of what they are given.
    spoken = _epitran(code).transliterate(word).replace("s'", "sʼ").replace("g", "ɡ")
    if code != "yor-Latn":  # where accents are tones; elsewhere they are left over, as in Javanese é
        spoken = unicodedata.normalize("NFD", spoken).translate(_ACCENTS)
    if code == "vie-Latn":
        marks = unicodedata.normalize("NFD", word)
        spoken += _TONES[next((mark for mark in marks if mark in _TONES), "")]
    return spoken


@lru_cache(maxsize=8)
def _epitran(code: str) -> SimpleEpitran:
    from epitran.simple import SimpleEpitran

    # Epitran itself reads panphon's features twice, for methods that are not called here: seconds each.
    return SimpleEpitran(code)


def _is_of(letter: str, script: str) -> bool:
    return unicodedata.name(letter, "").startswith(_LETTERS[script])


def _is_ipa(symbol: str) -> bool:
    return symbol in _ALPHABET or symbol in _MARKS or unicodedata.category(symbol) == "Lm"

"""Language tags: what a tag such as zh-TW or swa says of script, spaces and the error rate that counts."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import lru_cache

from hf_speech_tl.errors import SettingsError

# Written without spaces between words: Daniels and Bright, The World's Writing Systems (1996).
_UNSPACED_SCRIPTS = frozenset({
    "Hans", "Hant", "Hani", "Hanb", "Bopo", "Jpan", "Hira", "Kana", "Hrkt", "Thai", "Laoo", "Khmr", "Mymr", "Tibt",
    "Lana", "Talu", "Tavt", "Java", "Bali", "Yiii",
})  # fmt: skip
# Spaced, yet scored by characters: Korean spacing varies between writers; phonetic transcription has few true words.
_CHARACTERS_COUNT = frozenset({"ko", "mis"})
# Valid tags that name no language; mis, an uncoded language, does name one.
_NO_LANGUAGE = frozenset({None, "und", "mul", "zxx"})
UNCODED = "mis"  # of ISO 639-2: a language without a code of its own
MANY = "mul"  # of ISO 639-2: the language of a model that writes several
_SUGGESTIONS = 3
_MANY_SPEAKERS = 1_000_000


@dataclass(frozen=True)
class Language:
    """A language as written: `tag` is canonical, `script` an ISO 15924 code, `metric` the main one, cer or wer."""

    tag: str
    name: str
    script: str
    spaced: bool
    metric: str


@lru_cache(maxsize=64)
def find_language(tag: str) -> Language:
    """Find the language of a BCP-47 or ISO 639-3 tag, in any case and with - or _.

    Raises SettingsError naming the nearest tags. A script that the tag leaves open is the likely one of CLDR.
    """
    import langcodes

    try:
        found = langcodes.get(tag.strip())
    except langcodes.LanguageTagError:
        raise SettingsError(_unknown(tag)) from None
    if found.language in _NO_LANGUAGE or found.extlangs or not found.is_valid():  # known extlangs are folded by now
        raise SettingsError(_unknown(tag))
    if found.language == "cmn":  # CLDR's own name for it is zh, and one language must not have two vocabularies
        found = found.update_dict({"language": "zh"})
    script = found.maximize().script or "Zyyy"
    spaced = script not in _UNSPACED_SCRIPTS
    metric = "wer" if spaced and found.language not in _CHARACTERS_COUNT else "cer"
    return Language(found.to_tag(), found.display_name("en"), script, spaced, metric)


def find_model_language(tag: str) -> Language:
    """What a model of this --lang writes: a language as find_language has it, or, for mul, several at once.

    Several have no script of their own, and no words that all of them space; no transcript is normalised as mul.
    """
    if tag.strip().lower() == MANY:
        return Language(MANY, "Multiple languages", "Zyyy", spaced=False, metric="cer")
    return find_language(tag)


def _unknown(tag: str) -> str:
    nearest = ", ".join(f"{code} ({name})" for code, name in _nearest(tag))
    return (
        f"lang: no language has the tag {tag!r}; nearest: {nearest or 'none'}; "
        "give a BCP-47 or ISO 639-3 tag, such as zh, pt-BR or swa"
    )


def _nearest(tag: str) -> list[tuple[str, str]]:
    import langcodes
    from language_data.population_data import LANGUAGE_SPEAKING_POPULATION

    word = tag.strip().lower().replace("_", "-").split("-")[0]
    speakers = {
        code: count
        for code, count in LANGUAGE_SPEAKING_POPULATION.items()
        if code.isalpha() and count >= _MANY_SPEAKERS
    }
    names = {code: langcodes.get(code).display_name("en") for code in speakers}
    by_name = {name.lower(): code for code, name in names.items()}
    codes = []
    try:
        codes.append(langcodes.find(word).to_tag())
    except LookupError:
        codes += [by_name[name] for name in difflib.get_close_matches(word, by_name, cutoff=0.75)]
    if len(word) <= 4:  # the length of a tag; a longer word is the beginning of a name
        if word in names:
            codes.append(word)
        if len(word) == 2 and word.isalpha() and word.isascii():  # jp, cz, gr: a country instead of its language
            codes.append(langcodes.get(f"und-{word}").maximize().language or "")
        likeness = {code: difflib.SequenceMatcher(None, word, code).ratio() for code in names}
        ranked = sorted(names, key=lambda code: (-likeness[code], -speakers[code]))
        codes += [code for code in ranked if likeness[code] >= 0.5]
    unique = list(dict.fromkeys(filter(None, codes)))[:_SUGGESTIONS]
    return [(code, names.get(code) or langcodes.get(code).display_name("en")) for code in unique]

"""Writes docs/languages.md: what the package makes of many languages, from its own tables."""

from __future__ import annotations

from pathlib import Path

from hf_speech_tl.corpora.fleurs import CONFIGS, fleurs_config
from hf_speech_tl.errors import SettingsError
from hf_speech_tl.languages import Language, Unspeakable, find_language, find_reader, transcript
from hf_speech_tl.languages.pinyin import is_mandarin
from hf_speech_tl.languages.spelling import is_phonetic

PAGE = Path(__file__).resolve().parents[1] / "docs" / "languages.md"
# Languages of Common Voice, and of field recordings, that FLEURS has not.
_OTHERS = (
    "ab ba br cv dv eo eu fy gn ht hsb ia kab kmr kk-Latn la mdf mhr myv nn os qu quw quz rm rw sa sah sat sc sq "
    "sr-Latn ti tk tt tw ug vot yi zgh zh-TW zza haw to mis bo si"
)
_HEAD = """# Languages

Made by `scripts/build_languages_page.py`; change the tables in `hf_speech_tl/languages/`, not this page.

Any BCP-47 or ISO 639-3 tag will do; these are the languages of FLEURS, and some of Common Voice and of the field.
*Script* is what CLDR holds for the likely one; `sr-Latn` and the like name another. *Spaces* says whether words are
spaced, which decides the main error rate (but for Korean and `mis`: CER). *Numbers* says whether digits in transcripts
are turned into words; where not, rows with digits are skipped and listed, and even there a number whose form would be a
guess (one that agrees with its noun, a year in Slavic languages, a code) costs its row. *Romanized* is what `--units
romanized` writes with: pinyin, uroman, or nothing where the reading of ideographs is not known. *IPA* is what reads the
spelling for `--units ipa`: a voice of espeak-ng (extra `espeak`) or a map of epitran (extra `ipa`); `-` where neither
reads it rightly. It depends on the tag alone, never on what is installed; a region takes the nearest voice (en is
British; en-US, es-419, pt-BR, fr-BE and fr-CH are there too). The main error rate of `ipa` is CER. *FLEURS* is what
`--data fleurs` fetches.

| tag | language | script | spaces | main error rate | numbers | romanized | IPA | FLEURS |
|---|---|---|---|---|---|---|---|---|
"""
_CHECKS = """How they were checked, in `tests/languages`: of 130, all names of months, weekdays and countries in CLDR
(34,227 texts) give words of letters and marks alone, and a second pass changes nothing (`test_every_language.py`); 128
of these can be romanised. Some 60 have sentences or numbers whose right form was looked up, those with hard scripts
among them. The texts of real recordings in 16 languages are normalised twice alike. Readings in IPA were looked over
by eye for each language, and words of some 20 are tested.
"""


def page() -> str:
    """The page as it should be."""
    tags = [config.split("_")[0] for config in CONFIGS.split()] + _OTHERS.split()
    languages = {language.tag: language for language in map(find_language, tags)}
    rows = [_row(language) for _, language in sorted(languages.items())]
    return f"{_HEAD}{''.join(rows)}\n{len(rows)} languages.\n\n{_CHECKS}"


def _row(language: Language) -> str:
    try:
        config = fleurs_config(language)
    except SettingsError:
        config = "-"
    cells = (
        language.tag,
        language.name,
        language.script,
        "yes" if language.spaced else "no",
        language.metric.upper(),
        "words" if _reads_numbers(language) else "skipped",
        _romanised_by(language),
        _ipa_by(language),
        config,
    )
    return f"| {' | '.join(cells)} |\n"


def _reads_numbers(language: Language) -> bool:
    try:
        return not any(character.isdigit() for character in transcript("7", language))
    except Unspeakable:
        return False


def _romanised_by(language: Language) -> str:
    if is_mandarin(language):
        return "pinyin"
    return {"Hans": "-", "Hant": "-", "Hani": "-", "Jpan": "kana only"}.get(language.script, "uroman")


def _ipa_by(language: Language) -> str:
    if is_phonetic(language):
        return "as written"
    reader = find_reader(language)
    return f"{reader.engine} {reader.voice}" if reader else "-"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""The whole way of a transcript: units, refusals, and that a second pass changes nothing."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.languages import NORMALISER_VERSION, Language, Unspeakable, find_language, transcript


def test_version() -> None:
    assert NORMALISER_VERSION == "3"


@pytest.mark.parametrize("units", ["IPA", "words", ""])
def test_units_that_are_not_there(units: str) -> None:
    with pytest.raises(SettingsError, match="char, romanized or ipa"):
        transcript("hello", find_language("en"), units)


@pytest.mark.parametrize("tag", ["en", "zh", "mis", "ja"])
@pytest.mark.parametrize("text", ["so [UNK] yes", "<unk>", "{laughs} ha", "［笑］", "a <noise type=x> b"])
def test_notes_are_refused(tag: str, text: str) -> None:
    with pytest.raises(Unspeakable) as error:
        transcript(text, find_language(tag))
    assert error.value.reason == "note in brackets"


@pytest.mark.parametrize("text", ["$5", "AT&T", "press *", "press #", "me@home", "6 + 7", "2 °C", "5 €", "50 %%"])
def test_symbols_are_not_lost(text: str) -> None:
    with pytest.raises(Unspeakable) as error:
        transcript(text, find_language("en"))
    assert error.value.reason == "symbol"


@pytest.mark.parametrize("text", ["a\ufffdb", "a\ue000b", "a\U000effffb"])
def test_broken_text_is_not_lost(text: str) -> None:
    for tag in ("en", "zh"):
        with pytest.raises(Unspeakable) as error:
            transcript(text, find_language(tag))
        assert error.value.reason == "undecodable character"


def test_ornaments_go() -> None:
    assert transcript("♪ La la… 😀 ❤️ | ok_ok ™", find_language("en")) == "la la ok ok"
    assert transcript(" \t\n…—! ", find_language("en")) == ""


def _texts(folder: Path) -> list[str]:
    files = sorted(folder.glob("*.parquet"))
    return list(
        dict.fromkeys(text for file in files for text in pq.read_table(file, columns=["text"])["text"].to_pylist())
    )


def _passes(text: str, language: Language, units: str) -> str | None:
    """The transcript after checking what holds of all transcripts; None where it is refused."""
    try:
        once = transcript(text, language, units)
    except Unspeakable as error:
        assert error.reason
        return None
    assert transcript(once, language, units) == once
    assert unicodedata.is_normalized("NFC", once)
    assert once == " ".join(once.split())
    if units == "romanized":
        assert once.isascii()
        assert not any(character.isupper() for character in once)
    return once


# Chance-made text would rarely hold a number, a joiner or a syllable: these are drawn as often as any letter.
_PIECES = st.sampled_from(
    [*"0123456789", *".,:;/%+-−–—~'’\"()*°€$¥½²①٣৫", *"aAiIİızßÉñœǅΣς", "\u0301", "\u0307", "\u0323", "℃", "ﬁ", "Ａ",
     *"你好一零年月个點兩々〇の", "ｶ", "ﾞ", "ー", *"নর্তৎ", "ണ", "ന", "്", "ി", "\u200c", "\u200d", "\u00ad", "\ufe0f",
     *"كـتَאב״׳", "ʰ", "ː", "˥", "͡", "ʼ", "‘", " ", "  ", "\u00a0", "\u3000", "ni3 ", "hao3", "lü4", "A4", "3rd",
     "1,000", "3.14", "12:30", "·", "་", "[", "<b>", "\ufffd", "가", "각", "ᄀ", "ᅡ", "U+0041", "ok", "1º"]
)  # fmt: skip
_TEXT = st.lists(st.one_of(_PIECES, st.characters(exclude_categories=["Cs", "Co", "Cn"])), max_size=14).map("".join)
_TAGS = [
    "zh",
    "zh-TW",
    "yue",
    "ja",
    "en",
    "tr",
    "fr",
    "de",
    "bn",
    "ml",
    "fa",
    "he",
    "mis",
    "ko",
    "th",
    "ca",
    "bo",
    "si",
    "haw",
    "uz",
]


@settings(max_examples=600, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(text=_TEXT, tag=st.sampled_from(_TAGS))
def test_a_second_pass_changes_nothing(text: str, tag: str) -> None:
    language = find_language(tag)
    once = _passes(text, language, "char")
    if once is not None and language.script in ("Hans", "Hant"):
        _passes(text, find_language("zh"), "romanized")
        simplified = transcript(text, language, simplify=True)
        assert transcript(simplified, language, simplify=True) == simplified


@settings(max_examples=300, deadline=None, derandomize=True)
@given(text=_TEXT, tag=st.sampled_from(_TAGS))
def test_no_mark_is_dropped(text: str, tag: str) -> None:
    """A combining sign changes what a letter says. Selectors of a picture are none, ü is v in pinyin, and a virama with
    a joiner becomes a letter in Malayalam and Bengali."""
    language = find_language(tag)
    try:
        once = transcript(text, language)
    except Unspeakable:
        return

    def marks(string: str) -> int:
        letters = "".join(letter for letter in string if unicodedata.category(letter)[0] != "S")  # ≠ is read aloud
        string = unicodedata.normalize("NFD", re.sub("[üÜ]", "v", letters.replace("İ", "i")))
        return sum(
            unicodedata.category(mark)[0] == "M" for mark in re.sub("[\ufe00-\ufe0f\U000e0100-\U000e01ef]", "", string)
        )

    assert marks(once) >= marks(re.sub("[\u09cd\u0d4d]\u200d", "", text))


@pytest.mark.slow
def test_every_text_there_is(speech: Path) -> None:
    """Both units over every corpus: fixed points, few refusals, and only letters that a language may have."""
    refused: Counter[str] = Counter()
    count = 0
    for folder in sorted(path for path in speech.iterdir() if path.is_dir()):
        language = find_language(folder.name.split("-")[0])
        for text in _texts(folder):
            count += 1
            characters = _passes(text, language, "char")
            if characters is None:
                refused[folder.name] += 1
                with pytest.raises(Unspeakable):
                    transcript(text, language, "romanized")
                continue
            assert characters
            _passes(text, language, "romanized")
    assert count > 20_000
    assert sum(refused.values()) < 0.01 * count
    for name in (
        "zh-hsk-words",
        "zh-syllables",
        "zh-dspspeech20",
        "ja-tofugu",
        "mis-tusom2021",
        "ml-msc",
        "qu-killkan",
    ):
        assert refused[name] == 0

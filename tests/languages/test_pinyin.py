"""Pinyin from characters, and pinyin that is left alone."""

from __future__ import annotations

import pytest

from hf_speech_tl.languages import Unspeakable, find_language, transcript

_CHINESE = find_language("zh")


@pytest.mark.parametrize(
    ("written", "syllables"),
    [
        ("你好", "ni3 hao3"),
        ("你好，吗？", "ni3 hao3 ma5"),
        ("银行", "yin2 hang2"),
        ("绿色", "lv4 se4"),
        ("卡拉OK", "ka3 la1 ok"),
        ("50%", "bai3 fen1 zhi1 wu3 shi2"),
        ("A4纸", "a si4 zhi3"),
        ("嗯", "n2"),
        ("〇", "ling2"),
        ("Hello", "hello"),
    ],
)
def test_from_characters(written: str, syllables: str) -> None:
    assert transcript(written, _CHINESE, "romanized") == syllables


def test_traditional_characters_are_read_as_words() -> None:
    assert transcript("銀行", find_language("zh-TW"), "romanized") == "yin2 hang2"
    assert transcript("音樂", find_language("zh-TW"), "romanized") == "yin1 yue4"


@pytest.mark.parametrize("units", ["char", "romanized"])
@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("lv4", "lv4"),
        ("lü4 se4", "lv4 se4"),
        ("lu:4", "lv4"),
        ("ni3 hao3", "ni3 hao3"),
        ("Ni3 hao3!", "ni3 hao3"),
        ("Xi1'an1", "xi1 an1"),
        ("ni3hao3", "ni3 hao3"),
        ("ma5", "ma5"),
        ("ka3 la1 OK", "ka3 la1 ok"),
        ("zhuang1 er4 nve4 hm5", "zhuang1 er4 nve4 hm5"),
    ],
)
def test_pinyin_keeps_its_tones(written: str, kept: str, units: str) -> None:
    assert transcript(written, _CHINESE, units) == kept


@pytest.mark.parametrize(("written", "spoken"), [("MP3", "mp三"), ("ok3", "ok三"), ("A4", "a四"), ("ni6", "ni六")])
def test_other_letters_with_digits_are_numbers(written: str, spoken: str) -> None:
    assert transcript(written, _CHINESE) == spoken


def test_pinyin_in_its_own_script() -> None:
    assert transcript("ni3 hao3", find_language("zh-Latn")) == "ni3 hao3"


def test_tone_marks_are_not_lost() -> None:
    with pytest.raises(Unspeakable) as error:
        transcript("nǐ hǎo", _CHINESE, "romanized")
    assert error.value.reason == "tone marks"


def test_an_unknown_character_is_not_lost() -> None:
    with pytest.raises(Unspeakable) as error:
        transcript("人々", _CHINESE, "romanized")
    assert error.value.reason == "no romanisation"


def test_every_syllable_of_the_dictionary_is_recognised() -> None:
    """Else romanised text would not survive a second pass."""
    from pypinyin.contrib.tone_convert import to_tone3
    from pypinyin.pinyin_dict import pinyin_dict

    marked = {reading for readings in pinyin_dict.values() for reading in readings.split(",")}
    for reading in marked:
        syllable = to_tone3(reading, neutral_tone_with_five=True).replace("ê", "e")
        assert transcript(syllable, _CHINESE, "romanized") == syllable

"""Chinese numbers and signs as they are spoken, and the two ways of writing characters."""

from __future__ import annotations

import random

import pytest

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.languages import Unspeakable, find_language, transcript


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("1234", "一千二百三十四"),
        ("10", "十"),
        ("1,234,567", "一百二十三万四千五百六十七"),
        ("3.14", "三点一四"),
        ("50%", "百分之五十"),
        ("50 %", "百分之五十"),
        ("50%-60%", "百分之五十到百分之六十"),
        ("100‰", "千分之一百"),
        ("2024年", "二零二四年"),
        ("2019-2020年", "二零一九到二零二零年"),
        ("1000年", "一千年"),
        ("2024-01-05", "二零二四年一月五日"),
        ("5月1日-7日", "五月一日到七日"),
        ("1/2", "二分之一"),
        ("½", "二分之一"),
        ("-5℃", "零下五摄氏度"),
        ("气温-5°C", "气温零下五摄氏度"),
        ("98.6°F", "华氏九十八点六度"),
        ("x=-5", "x等于负五"),
        ("12:30", "十二点三十分"),
        ("12:05", "十二点零五分"),
        ("2:00", "两点"),
        ("12:30:15", "十二点三十分十五秒"),
        ("9:00-17:00", "九点到十七点"),
        ("3:1", "三比一"),
        ("13800138000", "一三八零零一三八零零零"),
        ("138 0013 8000", "一三八零零一三八零零零"),
        ("010-12345678", "零一零一二三四五六七八"),
        ("007", "零零七"),
        ("100000000", "一亿"),
        ("1，2，3", "一二三"),
        ("3-5个", "三到五个"),
        ("2个人", "两个人"),
        ("有 2 个人", "有两个人"),
        ("第 2 个", "第二个"),
        ("第2个", "第二个"),
        ("12个", "十二个"),
        ("2月2日", "二月二日"),
        ("1+1=2", "一加一等于二"),
        ("5-3=2", "五减三等于二"),
        ("6x7=42", "六乘七等于四十二"),
        ("$3.5亿", "三点五亿美元"),
        ("￥9.9", "九点九元"),
        ("A4纸", "a四纸"),
        ("A4", "a四"),
        ("A380", "a三八零"),
        ("COVID-19", "covid十九"),
        ("C++", "c加加"),
        ("ＡＢＣ１２３", "abc一二三"),
        ("٣个", "三个"),
        ("卡拉OK", "卡拉ok"),
        ("你好，世界！ 《书》……", "你好世界书"),
        ("二〇二四", "二〇二四"),
        ("。。。", ""),
    ],
)
def test_spoken(written: str, spoken: str) -> None:
    assert transcript(written, find_language("zh")) == spoken


@pytest.mark.parametrize(
    "written",
    [
        "5-3",
        "24/7",
        "1½",
        "m²",
        "㎡",
        "①",
        "Ⅳ",
        "1 000",
        "1,2",
        "1-2-3",
        "妈(ma1)",
        "300,006,000",
        "9" * 17 + "万1.2/3",
    ],
)
def test_numbers_with_no_one_reading_are_refused(written: str) -> None:
    with pytest.raises(Unspeakable) as error:
        transcript(written, find_language("zh"))
    assert error.value.reason == "digits"


def test_signs_with_no_one_reading_are_refused() -> None:
    for written in ("@某人", "#话题#", "**", "50元/$", "%"):
        with pytest.raises(Unspeakable) as error:
            transcript(written, find_language("zh"))
        assert error.value.reason == "symbol"


def test_counted_numbers_read_back() -> None:
    """The reading of every number is that number, by a reader of our own."""
    digits = {character: value for value, character in enumerate("零一二三四五六七八九")}
    units = {"十": 10, "百": 100, "千": 1000}

    def value(words: str) -> int:
        for unit, size in (("亿", 10**8), ("万", 10**4)):
            if unit in words:
                high, low = words.split(unit, 1)
                return value(high) * size + value(low)
        total, digit = 0, 0
        for character in words:
            if character in units:
                total += (digit or 1) * units[character]
                digit = 0
            else:
                digit = digits[character]
        return total + digit

    chance = random.Random(0)
    for number in [
        *range(300),
        *(chance.randrange(10 ** chance.randrange(3, 7)) for _ in range(300)),
        10**8,
        2 * 10**9,
    ]:
        words = transcript(str(number), find_language("zh"))
        assert value(words) == number, words


def test_traditional_text_gets_traditional_numbers() -> None:
    taiwan = find_language("zh-TW")
    assert transcript("銀行2個，10000元，-5℃", taiwan) == "銀行兩個一萬元零下五攝氏度"
    assert transcript("銀行2個，10000元，-5℃", taiwan, simplify=True) == "银行两个一万元零下五摄氏度"
    assert transcript("佢哋50%", find_language("yue")) == "佢哋百分之五十"


def test_simplify_only_when_asked() -> None:
    chinese = find_language("zh")
    assert transcript("繁體中文", chinese) == "繁體中文"
    assert transcript("繁體中文", chinese, simplify=True) == "繁体中文"
    assert transcript("乾坤乾燥", chinese, simplify=True) == "乾坤干燥"
    with pytest.raises(SettingsError, match="simplify: Spanish"):
        transcript("hola", find_language("es"), simplify=True)


def test_romanised_cantonese_keeps_its_tones_from_being_numbers() -> None:
    with pytest.raises(Unspeakable, match="tones"):
        transcript("nei5 hou2", find_language("yue"))

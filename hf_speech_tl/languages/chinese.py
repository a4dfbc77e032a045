"""Chinese characters as they are spoken: numbers and signs read out, and traditional ones made simplified."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial

from hf_speech_tl.languages.characters import Unspeakable, has_han, letters, plain_digits
from hf_speech_tl.languages.spelling import compose, lower, spell
from hf_speech_tl.languages.tags import Language

_NUMBER = r"\d+(?:\.\d+)?"
_DASH = "[-−–—―~〜]"
# What is counted with 两 and not with 二; months, days of the month and hundreds are not.
_COUNTED = (
    "个|個|只|隻|条|條|张|張|块|塊|瓶|杯|份|本|辆|輛|台|臺|匹|头|頭|位|亩|畝|小时|小時|分钟|分鐘|秒|天|周|週|岁|歲|年(?![级級])|次|"
    "件|把|种|種|家|间|間|棵|朵|双|雙|层|層|元|米|公里|公斤|千|万|萬|亿|億|点|點|人|名|句|遍"
)
_MONEY = {"$": "美元", "€": "欧元", "£": "英镑", "¥": "元"}
_SIGNS = {"+": "加", "=": "等于", "×": "乘", "÷": "除以", "±": "正负", "≈": "约等于", "≠": "不等于", "<": "小于",
          ">": "大于", "≤": "小于等于", "≥": "大于等于", "&": "和"}  # fmt: skip
# The characters that this file itself writes and that differ.
_TRADITIONAL = str.maketrans("万亿负点两摄华减欧镑约于", "萬億負點兩攝華減歐鎊約於")
_TELEPHONE = 10  # digits in groups
# Digits in a row, and before the zeros at the end, that a counted number has; longer ones are codes and telephones.
_LONG = 7
_ROUND = 4
_CHECKED = 10**8  # cn2an 0.5.24 loses the zero of 三亿零六千 and its like above this


def is_chinese(language: Language) -> bool:
    """Whether texts are in Chinese characters, of Mandarin or of its sisters (yue, nan, wuu, ...)."""
    return language.script in ("Hans", "Hant", "Hani")


def spoken_characters(text: str, language: Language, *, simplify: bool) -> str:
    """Characters as read out, and lower-case Latin letters, without spaces.

    Raises Unspeakable where a sign or a number has no one reading.
    """
    # The full-width comma lists (1，2，3), the narrow one groups (1,234), and NFKC would make them one.
    text = plain_digits(spell(text.replace("，", "、"), language))
    if language.tag.split("-")[0] != "zh" and not has_han(text) and re.search(r"[a-z]\d", text):
        raise Unspeakable("digits", "in romanised text they may be tones")
    text = _read_out(text, _TRADITIONAL if language.script == "Hant" and not simplify else {})
    text = compose(lower(letters(text, gap=""), language), language)
    return simplified(text) if simplify else text


def simplified(text: str) -> str:
    """Traditional characters to simplified ones, by OpenCC's table t2s."""
    return _simplifier()(text)


@cache
def _simplifier() -> Callable[[str], str]:
    from opencc import OpenCC

    convert: Callable[[str], str] = OpenCC("t2s").convert
    return convert


def _read_out(text: str, script: dict[int, int]) -> str:
    for pattern, say in _RULES:
        text = pattern.sub(partial(_say, say, script), text)
    return text


def _say(say: Callable[[re.Match[str]], str], script: dict[int, int], match: re.Match[str]) -> str:
    return say(match).translate(script)


def _refuse(match: re.Match[str]) -> str:
    raise Unspeakable("digits", match[0])


def _digits(number: str) -> str:
    return "".join("零一二三四五六七八九"[int(digit)] for digit in number)


def _cardinal(number: str) -> str:
    whole, _, decimals = number.partition(".")
    words = _digits(whole) if len(whole) > 1 and whole.startswith("0") else _counted(whole)
    return f"{words}点{_digits(decimals)}" if decimals else words


def _bare(match: re.Match[str]) -> str:
    code = len(match[0]) >= _LONG and len(match[0].rstrip("0")) > _ROUND and "." not in match[0]
    return _digits(match[0]) if code else _cardinal(match[0])


def _grouped(match: re.Match[str]) -> str:
    number = match[0].replace(",", "")
    # Whatever follows may still want the digits; only a bare long number must not be taken for a code.
    return number if len(number) < _LONG or match[1] else _cardinal(number)


def _counted(whole: str) -> str:
    from cn2an import an2cn, cn2an

    try:
        words: str = an2cn(whole)
        if int(whole) >= _CHECKED and cn2an(words, "strict") != int(whole):
            raise ValueError(words)
    except ValueError:
        raise Unspeakable("digits", whole) from None
    return words


def _hour(number: str) -> str:
    return "两" if int(number) == 2 else _counted(number)


def _sixtieth(number: str) -> str:
    return _counted(number) if number == "00" or not number.startswith("0") else f"零{_counted(number)}"


def _time(match: re.Match[str]) -> str:
    hour, minute, second = match.groups()
    clock = int(hour) <= 24 and len(minute) == 2 and int(minute) < 60
    if not clock and second is None:
        return f"{_cardinal(hour)}比{_cardinal(minute)}"
    if not clock or (second is not None and (len(second) != 2 or int(second) > 59)):
        return _refuse(match)
    if second is not None:
        return f"{_hour(hour)}点{_sixtieth(minute)}分{_sixtieth(second)}秒"
    return f"{_hour(hour)}点" + (f"{_sixtieth(minute)}分" if int(minute) else "")


def _date(match: re.Match[str]) -> str:
    year, _, month, day = match.groups()
    if not 1 <= int(month) <= 12 or not 1 <= int(day) <= 31:
        return _refuse(match)
    return f"{_digits(year)}年{_counted(month)}月{_counted(day)}日"


def _year(match: re.Match[str]) -> str:
    return _counted(match[0]) if match[0] == "1000" else _digits(match[0])


def _groups(match: re.Match[str]) -> str:
    number = re.sub(r"\D", "", match[0])
    return _digits(number) if len(number) >= _TELEPHONE else match[0]


def _fraction(match: re.Match[str]) -> str:
    part, whole = match.groups()
    return f"{_cardinal(whole)}分之{_cardinal(part)}" if int(part) < int(whole) else _refuse(match)


def _range(match: re.Match[str]) -> str:
    first, unit, dash, money, last = match.groups()
    if dash not in "~〜—―" and float(first) >= float(last):  # a score or a subtraction
        return _refuse(match)
    return f"{first}{unit or ''}到{money}{last}"


def _celsius(match: re.Match[str]) -> str:
    side = {"": "", "+": "零上", "-": "零下", "−": "零下"}[match[1]]
    return f"{side}{_cardinal(match[2])}摄氏度"


# Longer patterns first: what a rule has read out holds no digits that a later one could take.
_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern), say)
    for pattern, say in (
        (r"\s+(?=[%‰°])|(?<=[$€£¥])\s+", lambda match: ""),
        (r"(?<![\d,.])([$€£¥]?)\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])", _grouped),
        (r"(?<!\d)(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?![\d/.-])", _date),
        (r"(?<![\d.])\d{3,}(?:[- ]\d{3,})+(?![\d.])", _groups),
        (r"(?<!\d)\d{1,3}(?: \d{3})+(?!\d)", _refuse),
        (r"(?<=[A-Za-z])-?\d{3,}(?![\d.])", lambda match: _digits(match[0].lstrip("-"))),
        (r"\d+(?:\.\d+){2,}", lambda match: "点".join(map(_digits, match[0].split(".")))),
        (rf"(?<=:\d\d){_DASH}(?=\d{{1,2}}:\d\d)|(?<=[年月日号號时時点點分元%‰]){_DASH}(?=\d)", lambda match: "到"),
        (r"(?<![:∶\d])(\d{1,9})[:∶](\d{1,9})(?:[:∶](\d{1,9}))?(?![:∶\d])", _time),
        (r"(?<![\d/.])(\d{1,9})[/⁄](\d{1,9})(?![/⁄\d.])", _fraction),
        (rf"(?<!\d)(\d{{4}}){_DASH}(?=\d{{4}}\s*年)", lambda match: f"{_digits(match[1])}到"),
        (r"(?<!\d)\d{4}(?=\s*年|[至到]\d{4}\s*年)", _year),
        (rf"({_NUMBER})-(?={_NUMBER}=)", lambda match: f"{match[1]}减"),
        (rf"({_NUMBER})(°C?)?\s*({_DASH})\s*([$€£¥]?)({_NUMBER})", _range),
        (r"~\s*(?=\d)", lambda match: "约"),
        (r"(?<=\d)\s*[x×*]\s*(?=\d)", lambda match: "乘"),
        (rf"([-−+]?)({_NUMBER})°C", _celsius),
        (rf"({_NUMBER})°F", lambda match: f"华氏{_cardinal(match[1])}度"),
        (r"(?<![A-Za-z\d°%])[-−](?=[$€£¥]?\d)", lambda match: "负"),
        (rf"({_NUMBER})%", lambda match: f"百分之{_cardinal(match[1])}"),
        (rf"({_NUMBER})‰", lambda match: f"千分之{_cardinal(match[1])}"),
        (rf"({_NUMBER})°", lambda match: f"{_cardinal(match[1])}度"),
        (
            rf"([$€£¥])({_NUMBER})([百千万萬亿億]*)",
            lambda match: f"{_cardinal(match[2])}{match[3]}{_MONEY[match[1]]}",
        ),
        (r"°C", lambda match: "摄氏度"),
        (rf"(?<![\d.第])(?<!第\s)2(?=\s*(?:{_COUNTED}))", lambda match: "两"),
        (r"(?<!\d)\.\d+|\d[-,/:]\d", _refuse),
        (_NUMBER, _bare),
        (f"[{re.escape(''.join(_SIGNS))}]", lambda match: _SIGNS[match[0]]),
    )
)

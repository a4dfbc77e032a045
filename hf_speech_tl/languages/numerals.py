"""Digits to the words of a language by num2words, where it knows the language and where only one reading is likely.

A row whose digits could be said in several ways (a time, a date, a score, a telephone number, an inflected ordinal) is
refused rather than guessed: a wrong label harms a model more than a missing row does.
"""

from __future__ import annotations

import re
import unicodedata

from hf_speech_tl.languages.characters import Unspeakable, plain_digits
from hf_speech_tl.languages.spelling import is_phonetic
from hf_speech_tl.languages.tags import Language

# num2words' own names for languages that have others.
_RENAMED = {"kk": "kz", "nb": "no"}
# Amharic fails above a thousand and does not come back above a million (num2words 0.5.14).
_BROKEN = frozenset({"am"})
# Languages that num2words knows and that write 1,234.5; the others write 1.234,5.
_POINT = frozenset({"bn", "cy", "en", "he", "ja", "kn", "ko", "te", "th"})
# What stands for the decimal mark. Digits after it are said one by one in the first group of languages; in the second
# they may also be said as one number, which makes no difference for a single digit.
_ONE_BY_ONE = {"en": "point", "de": "komma", "nl": "komma", "sv": "komma", "da": "komma", "no": "komma", "ja": "点",
               "ko": "점", "th": "จุด", "id": "koma"}  # fmt: skip
_MARK = {**_ONE_BY_ONE, "fr": "virgule", "it": "virgola", "es": "coma", "pt": "vírgula", "ro": "virgulă", "ca": "coma"}
# Only languages that say it after the number and do not inflect it.
_PERCENT = {"en": "percent", "de": "prozent", "nl": "procent", "sv": "procent", "da": "procent", "no": "prosent",
            "fr": "pour cent", "it": "per cento", "es": "por ciento", "pt": "por cento", "ro": "la sută",
            "ca": "per cent", "id": "persen", "bn": "শতাংশ", "ja": "パーセント", "ko": "퍼센트", "th": "เปอร์เซ็นต์",
            "vi": "phần trăm"}  # fmt: skip
# Suffixes that make an ordinal whose form num2words gives.
_ORDINAL = {"en": r"(?:st|nd|rd|th)", "fr": r"(?:er|e|ème|ième)", "nl": r"(?:e|de|ste)", "es": "[ºª]", "it": "[ºª]",
            "pt": "[ºª]"}  # fmt: skip
# 3. is a third here, and also a 3 that ends a sentence.
_ORDINAL_POINT = frozenset(
    {"cs", "da", "de", "et", "fi", "hr", "hu", "is", "lv", "nb", "nn", "no", "pl", "sk", "sl", "sr", "tr"}
)
# From 1100 to 1999, years and many other numbers are counted in hundreds. In the first group num2words has that form
# and it is the likelier one; in the second it lacks it, or spells it otherwise than people do.
_IN_HUNDREDS = frozenset({"de", "en"})
_MAYBE_IN_HUNDREDS = frozenset({"bn", "da", "nl", "no", "sv"})
# A year is an ordinal, and in the case that the sentence asks for.
_YEAR_INFLECTED = frozenset({"be", "cs", "lt", "lv", "pl", "ru", "sk", "sl", "sr", "uk"})
# Ends of whole numbers that agree in gender with what is counted, of which num2words has one form: before a word they
# are refused. In what case the others stand, the languages that have cases do not tell by the digits; num2words gives
# that of counting.
_AGREEING = {
    "it": r"^1",
    **dict.fromkeys(("da", "de"), r"(?:^|0)1"),
    **dict.fromkeys(("no", "sv"), r"(?<!1)1"),
    "fr": r"(?<![179])1",
    **dict.fromkeys(("be", "cs", "ru", "sr", "uk"), r"(?<!1)[12]"),
    "pl": r"(?:^|0)1|(?<!1)2",
    "sk": r"(?:^|0)[12]",
    "sl": r"(?:^|0)[1-4]",
    "ro": r"(?<!1)1|2",
    "es": r"(?<!1)1|[2-9]\d\d(?:000)?",
    **dict.fromkeys(("ca", "pt"), r"(?<!1)[12](?:000)?|[2-9]\d\d(?:000)?"),
    "is": r"(?<!1)[1-4]",
    **dict.fromkeys(("lt", "lv"), r"(?<!1)[1-9]"),
    **dict.fromkeys(("ar", "cy", "he"), r"\d"),
}
_DAY_OF = frozenset({"ca", "es", "pt"})  # languages that say "of" between a day and its month, which agree in nothing
# TDK, Yazım Kuralları: numbers are written as separate words; num2words joins them.
_TURKISH = re.compile("sıfır|eksi|milyon|milyar|yüz|bin|altmış|yetmiş|seksen|doksan|yirmi|otuz|kırk|elli|sekiz|dokuz|"
                      "bir|iki|üç|dört|beş|altı|yedi|on")  # fmt: skip

_SPACES = "\u00a0\u202f\u2009"
_NUMBER = re.compile(rf"\d(?:[\d.,:/'’{_SPACES}–—−-]*\d)?")
_SPACED_GROUPS = re.compile(r"(?<!\d)\d{1,3}(?: \d{3})+(?!\d)")
_PER_CENT_SIGN = re.compile(rf"[ {_SPACES}]?%")
# Around a number, what makes it part of something else.
_MINUS = re.compile(r"(?:^|[\s(\"«„“])[-−]$")
_DASH = re.compile(r"\s*[-−–—]\s*")
_CODE_NAME = re.compile(r"[^\W\d_][.\-‐‑]?$")
_BARE_DECIMAL = re.compile(r"(?:^|[^\w.,])[.,]$|[~≈]$")
_SUFFIX = re.compile(r"[-‐‑][^\W\d_]{1,3}(?!\w)")
_APOSTROPHE = re.compile(r"['’]\w")
_WORD = re.compile(r"\s+[^\W\d_]")
_OF = re.compile(r"\s+de\s")
_POINT_AND_WORD = re.compile(r"\.\s+\w")
_HANGUL = re.compile(r"\s?[가-힣]")
_LONG = 7  # digits; a longer string that is not round is a code or a telephone number
_CODE_DIGITS = 3  # digits; in a name such as H.323 they are said one by one, or not
_LARGEST = 9  # digits; beyond, its languages were not tried


def in_words(text: str, language: Language) -> str:
    """Write every number of the text in words. Raises Unspeakable("digits") where that would be a guess."""
    text = plain_digits(text)
    if not any(character.isdecimal() for character in text):
        return text
    code = _code(language)
    if code is None:
        raise Unspeakable("digits", f"no library knows the numbers of {language.name}")
    if groups := _SPACED_GROUPS.search(text):
        raise Unspeakable("digits", groups[0])
    written, end = [], 0
    for number in _NUMBER.finditer(text):
        start = number.start()
        before = text[end:start]
        code_name = len(number[0]) >= _CODE_DIGITS and language.spaced and _CODE_NAME.search(before)
        if code_name or _BARE_DECIMAL.search(before) or (end and _DASH.fullmatch(before)):
            raise Unspeakable("digits", text[max(0, start - 2) : number.end()].strip())
        sign = _MINUS.search(before) is not None
        words, after = _read(number, sign, language, code)
        gap = "" if before.endswith("'") else " "  # l'8 marzo
        written += [text[end : start - sign], f"{gap}{words} "]
        end = after
    return "".join([*written, text[end:]])


def _code(language: Language) -> str | None:
    from num2words import CONVERTER_CLASSES

    first, *rest = language.tag.split("-")
    if is_phonetic(language) or first in _BROKEN:
        return None
    codes = [f"{first}_{subtag}" for subtag in rest] + [_RENAMED.get(first, first)]
    return next((code for code in codes if code in CONVERTER_CLASSES), None)


def _read(number: re.Match[str], sign: bool, language: Language, code: str) -> tuple[str, int]:
    """Words for one number, and where in the text they end: a percent sign or an ordinal suffix belongs to them."""
    text, end, base = number.string, number.end(), code.split("_")[0]
    whole, decimals = _value(number[0], "." if base in _POINT else ",")
    suffix = re.compile(rf"{_ORDINAL[base]}(?!\w)").match(text, end) if base in _ORDINAL else None
    if suffix and not decimals and not sign:
        words = _ask(whole, code, language, to="ordinal")
        return re.sub(r"o\b", "a", words) if suffix[0] == "ª" else words, suffix.end()
    _refuse_joined(text, number.start(), end, language)
    words = _whole(whole, len(number[0]), sign, code, language)
    if decimals:
        if base not in _MARK or (len(decimals) > 1 and base not in _ONE_BY_ONE):
            raise Unspeakable("digits", number[0])
        words = " ".join([words, _MARK[base], *(_ask(int(digit), code, language) for digit in decimals)])
    if (percent := _PER_CENT_SIGN.match(text, end)) and base in _PERCENT:
        return f"{words} {_PERCENT[base]}", percent.end()
    if not decimals and _agrees(whole, len(number[0]), text[end:], base):
        raise Unspeakable("digits", text[number.start() : end + 6].strip())
    return words, end


def _agrees(whole: int, width: int, after: str, base: str) -> bool:
    """Whether a number may agree in gender with the word after it, and sound otherwise then than alone."""
    if base not in _AGREEING or not _WORD.match(after) or _is_year(whole, width):
        return False
    day = 1 < whole <= 31 and base in _DAY_OF and _OF.match(after)
    return not day and re.search(f"(?:{_AGREEING[base]})$", str(whole)) is not None


def _value(written: str, mark: str) -> tuple[int, str]:
    group = "," if mark == "." else "."
    shape = rf"(\d+|\d{{1,3}}(?:[{group}'’{_SPACES}]\d{{3}})+)(?:{re.escape(mark)}(\d+))?"
    if match := re.fullmatch(shape, written):
        whole = re.sub(r"\D", "", match[1])
        code = len(whole) >= _LONG and whole == match[1] and not whole.endswith("000")
        padded = len(whole) > 1 and whole.startswith("0")
        if not code and not padded and len(whole) <= _LARGEST:
            return int(whole), match[2] or ""
    raise Unspeakable("digits", written)


def _whole(whole: int, width: int, sign: bool, code: str, language: Language) -> str:
    base = code.split("_")[0]
    if _is_year(whole, width) and not sign:
        if base in _IN_HUNDREDS:
            return _ask(whole, code, language, to="year")
        if base in _YEAR_INFLECTED or (base in _MAYBE_IN_HUNDREDS and whole < 2000):
            raise Unspeakable("digits", str(whole))
    words = _ask(whole, code, language)
    if not sign:
        return words
    negative = _ask(-whole, code, language)
    minus = negative.removesuffix(words)
    if minus == negative or not any(character.isalpha() for character in minus):  # Bengali, Vietnamese, Telugu
        raise Unspeakable("digits", f"-{whole}")
    return negative


def _is_year(whole: int, width: int) -> bool:
    """Whether a number written in so many characters may be a year."""
    return 1100 <= whole <= 2099 and width == 4


def _refuse_joined(text: str, start: int, end: int, language: Language) -> None:
    """Raise where letters that touch the number may inflect it or be a unit; 3D and other capitals are letter names."""
    base = language.tag.split("-")[0]
    after = text[end : end + 1]
    joined = language.spaced and after != "" and unicodedata.category(after)[0] in "LM" and not after.isupper()
    suffix = _APOSTROPHE.match(text, end) or (base != "en" and _SUFFIX.match(text, end))
    # Korean counts most things with its own numerals, and num2words gives the Chinese ones.
    counted = base == "ko" and _HANGUL.match(text, end)
    ordinal = base in _ORDINAL_POINT and _POINT_AND_WORD.match(text, end)
    if joined or suffix or counted or ordinal:
        raise Unspeakable("digits", text[start : end + 6].strip())


def _ask(number: int, code: str, language: Language, to: str = "cardinal") -> str:
    from num2words import num2words

    try:
        words = str(num2words(number, lang=code, to=to))
    except Exception as error:  # its languages fail each in its own way: TypeError, KeyError, AttributeError, ...
        raise Unspeakable("digits", f"{number}: {type(error).__name__} in num2words") from None
    first = next((character for character in words if character.isalpha()), "")
    latin = first != "" and unicodedata.name(first).startswith("LATIN")
    if not first or latin != (language.script == "Latn") or any(character.isdigit() for character in words):
        raise Unspeakable("digits", str(number))
    return " ".join(_TURKISH.findall(words)) if code == "tr" else words

"""Short everyday texts in many languages: names, dates, times, amounts of the CLDR, every number spelt out.

The CLDR comes with babel; numbers become words through cn2an for Chinese and num2words elsewhere. A language that
neither knows gets the texts without numbers.
"""

from __future__ import annotations

import datetime
import random
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Literal

import babel.dates
import babel.lists
import babel.numbers
import babel.units
import cn2an
import num2words
from babel import Locale

# Few names, each in many texts: a model that learns for minutes must meet every character often.
_TERRITORIES = (
    "AR AT AU BE BR CA CH CL CN CU DE DK EG ES FI FR GB GR HU ID IE IN IR IT JP KE KR MX MY NL NO NZ PE PH PK PL PT "
    "RU SE SG TH TR UA US VN ZA"
)
_LANGUAGES = "ar bn cs da de el en es fa fi fr he hi hu id it ja ko la ms nl pl pt ru sv sw ta th tr uk vi zh"
_CURRENCIES = "AUD BRL CAD CHF CNY DKK EUR GBP INR JPY KRW MXN RUB THB USD"
_UNITS = (
    "area-square-meter area-square-kilometer digital-byte duration-day duration-hour duration-minute duration-month "
    "duration-second duration-week duration-year length-centimeter length-foot length-kilometer length-meter "
    "length-mile length-millimeter mass-gram mass-kilogram mass-tonne power-watt speed-kilometer-per-hour "
    "temperature-celsius volume-cubic-meter volume-cup volume-liter volume-milliliter"
)
_Span = Literal["second", "minute", "hour", "day", "week", "month", "year"]
_DAY = 86_400
_SPANS: dict[_Span, int] = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": _DAY,
    "week": 7 * _DAY,
    "month": 30 * _DAY,
    "year": 365 * _DAY,
}
_NUM2WORDS_NAMES = {"nb": "no", "nn": "no", "kk": "kz"}
_UNSPACED = {"ja", "km", "lo", "my", "th", "zh"}
_INSIDE_WORDS = "'’ʼ-\u200c\u200d"


def texts(tag: str, count: int, rng: random.Random) -> list[str]:
    """Up to `count` different texts in the language `tag` (`it`, `pt-BR`), drawn from all kinds in turn.

    Fewer where the language runs out: without number words only names and pairs of names are left. Raises
    ValueError where the CLDR, as babel has it, does not know the language or hardly a name in it.
    """
    locale = _locale(tag)
    found: dict[str, str] = {}
    # Most languages answer all kinds; 40 draws a text leaves room for those that answer one in ten.
    for draw in range(40 * count):
        if len(found) == count:
            break
        kind = _KINDS[draw % len(_KINDS)]
        text = _spoken(kind(locale, rng), locale)
        if text is not None:
            # Two texts that differ in capitals alone would be one after normalising, perhaps in two splits.
            found.setdefault(text.casefold(), text)
    return list(found.values())


def _locale(tag: str) -> Locale:
    try:
        locale = Locale.parse(tag, sep="-")
    except (babel.UnknownLocaleError, ValueError) as error:
        raise ValueError(f"the CLDR (babel {babel.__version__}) has no language {tag!r}") from error
    # Below that the language's few words stand among English ones, which the CLDR puts where it knows none.
    if len(_named_ones(locale.territories, _TERRITORIES)) < len(_TERRITORIES.split()) / 2:
        raise ValueError(f"the CLDR (babel {babel.__version__}) has hardly a word in {tag!r}")
    return locale


def _date(locale: Locale, rng: random.Random) -> str:
    day = datetime.date(1950, 1, 1) + datetime.timedelta(days=rng.randrange(32_000))
    pattern = rng.choice([locale.date_formats["full"], locale.date_formats["long"], _named(locale, "MMMMd", "MMMd")])
    return babel.dates.format_date(day, _unabridged(str(pattern), locale), locale=locale)


def _time(locale: Locale, rng: random.Random) -> str:
    # Minutes of two digits: "three oh five" is a custom of each language that CLDR does not know.
    moment = datetime.datetime(2024, 1, 1 + rng.randrange(7), rng.randrange(24), rng.randrange(10, 60))
    pattern = rng.choice([_named(locale, "Bhm", "Hm"), _named(locale, "EBhm", "EHm"), _named(locale, "Bh", "H")])
    return babel.dates.format_datetime(moment, _unabridged(str(pattern), locale), locale=locale)


def _weekday(locale: Locale, rng: random.Random) -> str:
    # Not the stand-alone names: babel 2.18 gives those of whichever language was loaded first.
    return _one_or_two(list(locale.days["format"]["wide"].values()), locale, rng)


def _named(locale: Locale, *skeletons: str) -> babel.dates.DateTimePattern | str:
    """The first of these CLDR skeletons that the language fills, else nothing."""
    return next((locale.datetime_skeletons[name] for name in skeletons if name in locale.datetime_skeletons), "")


def _unabridged(pattern: str, locale: Locale) -> str:
    """The date pattern with weekdays, months and parts of the day in full, so that no "Thu" has to be read aloud."""

    def full(field: re.Match[str]) -> str:
        letter = field[0][0]
        # Where "in the afternoon" has but one form, CLDR calls it the abbreviated one.
        short = letter == "'" or (letter == "B" and not babel.dates.get_period_names("wide", "format", locale))
        return field[0] if short else letter * 4

    return re.sub(r"'[^']*'|[Ec]+|B+|M{3,}|L{3,}|a+", full, pattern)


def _relative(locale: Locale, rng: random.Random) -> str:
    unit = rng.choice(list(_SPANS))
    span = rng.choice([-1, 1]) * rng.randrange(1, 20) * _SPANS[unit]
    return babel.dates.format_timedelta(span, granularity=unit, threshold=1e9, add_direction=True, locale=locale)


def _unit(locale: Locale, rng: random.Random) -> str:
    unit = rng.choice(_UNITS.split())
    text = babel.units.format_unit(_amount(rng), unit, "long", format="0", locale=locale)
    # Where the language has no name for the unit, babel falls back to the CLDR's key.
    return "" if unit in text else text


def _money(locale: Locale, rng: random.Random) -> str:
    currency = rng.choice(_CURRENCIES.split())
    return babel.numbers.format_currency(
        _amount(rng), currency, format="0", locale=locale, currency_digits=False, format_type="name"
    )


def _number(locale: Locale, rng: random.Random) -> str:
    return str(rng.choice([rng.randrange(11, 100), rng.randrange(100, 1000), rng.randrange(1000, 10_000)]))


def _territory(locale: Locale, rng: random.Random) -> str:
    return _one_or_two(_named_ones(locale.territories, _TERRITORIES), locale, rng)


def _language(locale: Locale, rng: random.Random) -> str:
    return _one_or_two(_named_ones(locale.languages, _LANGUAGES), locale, rng)


# Drawn in turn; a kind stands here as often as its texts vary.
_KINDS: tuple[Callable[[Locale, random.Random], str], ...] = (
    _territory, _date, _time, _unit, _language, _relative, _money,
    _territory, _date, _time, _unit, _language, _number, _weekday, _territory,
)  # fmt: skip


def _named_ones(names: Mapping[str, str], codes: str) -> list[str]:
    return [names[code] for code in codes.split() if code in names]


def _amount(rng: random.Random) -> int:
    return rng.choice([rng.randrange(1, 20), rng.randrange(20, 100), rng.randrange(100, 1000)])


def _one_or_two(names: list[str], locale: Locale, rng: random.Random) -> str:
    if len(names) < 2:
        return ""
    if rng.random() < 0.25:
        return rng.choice(names)
    return babel.lists.format_list(rng.sample(names, 2), style=rng.choice(["standard", "or"]), locale=locale)


def _spoken(text: str, locale: Locale) -> str | None:
    """The text as it is read aloud, or None: symbols or letters of another script are left, or it is too long."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(char for char in text if unicodedata.category(char) != "Cf" or char in _INSIDE_WORDS)
    spelt = _spell_chinese(text) if locale.language == "zh" else _spell(text, locale)
    if spelt is None:
        return None
    text = " ".join(re.sub(r"[,،、]", " ", spelt).split())
    if locale.language == "zh":
        return text if re.fullmatch(r"[一-鿿]{2,16}", text) else None
    if locale.language in _UNSPACED:
        text = text.replace(" ", "")
    letters = [char for char in text if char != " " and char not in _INSIDE_WORDS]
    if not all(unicodedata.category(char)[0] in "LM" for char in letters) or not 3 <= len(text) <= 48:
        return None
    native = {_is_latin(char) for char in locale.get_display_name() or text if char.isalpha()}
    return text if {_is_latin(char) for char in letters if char.isalpha()} <= native else None


def _is_latin(char: str) -> bool:
    return unicodedata.name(char, "").startswith("LATIN")


def _spell(text: str, locale: Locale) -> str | None:
    if not re.search(r"\d", text):
        return text
    names = (str(locale), locale.language, _NUM2WORDS_NAMES.get(locale.language, ""))
    name = next((name for name in names if name in num2words.CONVERTER_CLASSES), None)
    if name is None:
        return None
    # A point after a number makes it an ordinal (3. Juni) or, like a colon, parts hours from minutes. Any other
    # point is an abbreviation's, and the text is left out.
    text = re.sub(r"(?<=\d)[.:]", " ", text)
    try:
        return re.sub(r"\d+", lambda digits: f" {num2words.num2words(int(digits[0]), lang=name)} ", text)
    except Exception:  # num2words lets whatever its languages trip over through: TypeError, IndexError, KeyError
        return None


def _spell_chinese(text: str) -> str:
    text = re.sub(r"(\d+):(\d\d)", r"\1点\2分", text)
    text = re.sub(r"\d{4}(?=年)", lambda year: cn2an.an2cn(year[0], "direct"), text)
    # Two of something is 两; the second month, day or hour and the bare number are 二.
    text = re.sub(r"(?<!\d)0?2(?![\d月日时]|$)", "两", text)
    return re.sub(r"\d+", lambda digits: cn2an.an2cn(int(digits[0])), text)

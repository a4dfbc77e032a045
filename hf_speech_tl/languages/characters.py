"""What each character is to a transcript: part of a word, a gap between words, or something that is said aloud."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Literal

Kind = Literal["letter", "gap", "symbol", "number", "broken"]

# Read aloud although Unicode counts them as punctuation or as ornaments; every currency and most mathematical signs
# join them below. The keycap is a combining mark that turns a digit into a picture of a key.
_SAID = frozenset("%‰‱&@#*°№℃℉§\u20e3")
# Mathematical by category, but rules and waves in the layout of a line.
_ORNAMENTS = frozenset("|~")
# Tone letters of the phonetic alphabet, of bopomofo and of Chinese dialectology; Unicode files them with the accents.
_TONES = frozenset("˙˥˦˧˨˩˪˫") | frozenset(map(chr, [*range(0xA700, 0xA717), 0xA720, 0xA721]))
_NOTE = re.compile(r"[\[\]{}［］｛｝]|[<＜][^\s<>＜＞][^<>＜＞]*[>＞]")
_HAN_ZERO = "〇"
_JOINERS = "\u200c\u200d"
_HAN = re.compile("[〇々\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


class Unspeakable(ValueError):
    """A text that no rule turns into what was said; `reason` groups such texts, `detail` quotes what was met."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


@cache
def kind(character: str) -> Kind:
    """Sort one character; joiners count as letters, for spelling.py has already dropped those that mean nothing."""
    category = unicodedata.category(character)
    if character in _SAID or category == "Sc":
        return "symbol"
    if category[0] in "LM" or character in _TONES or character in _JOINERS or character == _HAN_ZERO:
        return "letter"
    if category[0] == "N":
        return "number"
    if category == "Sm" and character not in _ORNAMENTS:
        return "symbol"
    if category in ("Co", "Cn", "Cs") or character == "\N{REPLACEMENT CHARACTER}":
        return "broken"
    return "gap"


def letters(text: str, *, inner: str = "", gap: str = " ") -> str:
    """Keep letters and their marks; put `gap` for white space and punctuation.

    Characters of `inner` stay where a letter stands on both sides of them. Raises Unspeakable for what is said aloud
    and would be lost: symbols, digits, and characters that no text contains.
    """
    kinds = [kind(character) for character in text]
    kept = []
    for place, character in enumerate(text):
        match kinds[place]:
            case "letter":
                kept.append(character)
            case "symbol":
                raise Unspeakable("symbol", character)
            case "number":
                raise Unspeakable("digits", character)
            case "broken":
                raise Unspeakable("undecodable character", f"U+{ord(character):04X}")
            case "gap" if character in inner and kinds[place - 1 : place + 2 : 2] == ["letter", "letter"]:
                kept.append(character)
            case _:
                kept.append(gap)
    return gap.join("".join(kept).split())


def refuse_notes(text: str) -> None:
    """Raise Unspeakable where the transcriber left a remark instead of words, as in [UNK], {laughs} or <unk>."""
    if note := _NOTE.search(text):
        raise Unspeakable("note in brackets", text[note.start() : note.start() + 20])


def plain_digits(text: str) -> str:
    """Write the decimal digits of every script as 0 to 9."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(character)) if character.isdecimal() else character for character in text)


def has_han(text: str) -> bool:
    """Whether any character is an ideograph, which says nothing of its sound outside its own language."""
    return _HAN.search(text) is not None

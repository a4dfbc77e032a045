"""What each symbol of a new vocabulary inherits from the head of a checkpoint that wrote in another."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.languages import (
    MANY,
    Language,
    can_compare_sounds,
    find_model_language,
    romanisations,
    sound,
    sound_distance,
)
from hf_speech_tl.models.vocabulary import DELIMITER, Vocabulary
from hf_speech_tl.models.writing import Writing

Kind = Literal["blank", "same", "case", "romanisation", "sound", "letters", "mean"]

KINDS: tuple[Kind, ...] = ("blank", "same", "case", "romanisation", "sound", "letters", "mean")
KNOWN: frozenset[Kind] = frozenset({"blank", "same", "case"})  # symbols that the old head wrote already
# Three of 24 articulatory features: with twice as many, b was paired with x and e with h. Not tuned.
_FARTHEST = 3 / 24
_SPECIAL = re.compile(r"[<\[].+[>\]]")  # <s>, [UNK]: outputs that stand for no sound


@dataclass(frozen=True)
class Origin:
    """Where the row of a new symbol comes from: the mean of these `rows` of the old head.

    Of kind `mean`, where nothing is known of the symbol, these are the rows of all symbols, and noise is added.
    sources: their symbols, none for `mean`. distance: between the sounds, for kind `sound`.
    """

    symbol: str
    kind: Kind
    sources: tuple[str, ...]
    rows: tuple[int, ...]
    distance: float | None = None


def inherit(
    new: Vocabulary, old: Vocabulary, writes: Writing | None = None, wrote: Writing | None = None
) -> tuple[Origin, ...]:
    """The origin of every symbol of `new`, in its order.

    The first of these that there is: the same symbol; the same in another case; one of the same romanisation; the one
    that sounds nearest; those of the letters of its romanisation, or the syllables that begin with it. writes, wrote:
    in which language and units the new vocabulary and the old are; None where that is not known, and symbols are
    romanised as of no language in particular. Nothing is read where the old head has all symbols, and sounds are not
    compared without panphon.
    """
    rows = {symbol: row for row, symbol in enumerate(old.symbols) if symbol and row != old.blank}
    rows = {symbol: row for symbol, row in rows.items() if not _SPECIAL.fullmatch(symbol)}
    rows.setdefault(DELIMITER, rows.get(" ", -1))
    if rows[DELIMITER] < 0:
        del rows[DELIMITER]
    origins: dict[str, Origin] = {}
    for index, symbol in enumerate(new.symbols):
        if index == new.blank:
            origins[symbol] = Origin(symbol, "blank", (old.symbols[old.blank],), (old.blank,))
        elif symbol in rows:
            origins[symbol] = Origin(symbol, "same", (symbol,), (rows[symbol],))
        elif found := [form for form in (symbol.upper(), symbol.lower(), symbol.title()) if form in rows]:
            origins[symbol] = Origin(symbol, "case", (found[0],), (rows[found[0]],))
    letters = [symbol for symbol in rows if symbol != DELIMITER]
    speech = _Speech.of(writes), _Speech.of(wrote)
    for kind, likened in _LIKENED.items():
        left = [symbol for symbol in new.symbols if symbol not in origins and symbol != DELIMITER]
        for symbol, (sources, distance) in likened(left, letters, *speech).items() if left and letters else ():
            taken = tuple(rows[source] for source in sources)
            origins[symbol] = Origin(symbol, kind, sources, taken, distance)
    everything = tuple(rows.values()) or tuple(range(len(old)))
    return tuple(origins.get(symbol) or Origin(symbol, "mean", (), everything) for symbol in new.symbols)


@dataclass(frozen=True)
class _Speech:
    """What symbols are read as."""

    language: Language
    units: str

    @classmethod
    def of(cls, writing: Writing | None) -> _Speech:
        try:
            return cls(find_model_language(writing.lang if writing else MANY), writing.units if writing else "char")
        except SettingsError:  # an adapter of a language that CLDR does not know
            return cls(find_model_language(MANY), writing.units if writing else "char")

    def romanisations(self, symbol: str) -> tuple[str, ...]:
        return romanisations(symbol, self.language, self.units)

    def sound(self, symbol: str) -> str | None:
        return sound(symbol, self.language, self.units)


_Likened = dict[str, tuple[tuple[str, ...], float | None]]  # symbol -> those of the old head that it is like, distance


def _by_romanisation(left: Sequence[str], letters: Sequence[str], told: _Speech, heard: _Speech) -> _Likened:
    spelt = _spelt(letters, heard)
    found: _Likened = {}
    for symbol in left:
        if form := next((form for form in told.romanisations(symbol) if form in spelt), None):
            found[symbol] = spelt[form], None
    return found


def _by_letters(left: Sequence[str], letters: Sequence[str], told: _Speech, heard: _Speech) -> _Likened:
    spelt = {letter: (letter,) for letter in letters} | _spelt(letters, heard)  # a tone's digit has no romanisation
    found: _Likened = {}
    for symbol in left:
        for form in told.romanisations(symbol)[:1]:
            parts = [source for letter in form for source in spelt.get(letter, ())]
            wholes = [source for longer, sources in spelt.items() if longer.startswith(form) for source in sources]
            if sources := tuple(dict.fromkeys(parts or wholes)):
                found[symbol] = sources, None
    return found


def _by_sound(left: Sequence[str], letters: Sequence[str], told: _Speech, heard: _Speech) -> _Likened:
    if not can_compare_sounds():
        return {}
    known: dict[str, list[str]] = defaultdict(list)
    for letter in letters:
        if said := heard.sound(letter):
            known[said].append(letter)
    found: _Likened = {}
    for symbol in left:
        said = told.sound(symbol)
        if not said or not known:
            continue
        distance, nearest = min((sound_distance(said, other), other) for other in known)
        if distance <= _FARTHEST:
            found[symbol] = tuple(known[nearest]), distance
    return found


def _spelt(letters: Sequence[str], heard: _Speech) -> dict[str, tuple[str, ...]]:
    """The symbols of each romanisation; the one alone that is written so."""
    spelt: dict[str, list[str]] = defaultdict(list)
    for letter in letters:
        for form in heard.romanisations(letter):
            spelt[form].append(letter)
    return {form: (form,) if form in symbols else tuple(symbols) for form, symbols in spelt.items()}


_LIKENED: dict[Kind, Callable[[Sequence[str], Sequence[str], _Speech, _Speech], _Likened]] = {
    "romanisation": _by_romanisation,
    "sound": _by_sound,
    "letters": _by_letters,
}

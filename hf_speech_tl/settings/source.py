"""One source of recordings, with what differs between it and the others."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hf_speech_tl.errors import SettingsError

UNITS = ("char", "romanized", "ipa")
_EXAMPLE = "{source: fleurs, weight: 2}"
# The form of a BCP-47 tag; which tags there are, languages/ knows.
_OF_LANGUAGE = re.compile(r"(?P<lang>[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*)=(?P<source>.*)", re.DOTALL)


@dataclass(frozen=True)
class Source:
    """What one --data names. In a YAML file it may be a mapping with these keys.

    weight: how often an epoch holds each of its training rows; a fraction of them is drawn anew for each. text_column
    and tier: as the options of these names, for this source alone. lang: its language, where it is not that of --lang.
    mix: the share of the training audio that it makes up, in place of a weight; such a source is for training alone, so
    that its own validation and test splits are left out; units: what its transcripts are written in then, where that is
    not --units. labelled: false where transcripts are not to be looked at, if there are any; such a source is for
    pretraining alone.
    """

    source: str
    weight: float = 1.0
    text_column: str | None = None
    tier: str | None = None
    lang: str | None = None
    mix: float | None = None
    labelled: bool = True
    units: str | None = None

    def __str__(self) -> str:
        return self.source

    @property
    def words(self) -> str | None:
        """As the command line takes it; None where it has no place for all of it."""
        if self != Source(self.source, lang=self.lang):
            return None
        return self.source if self.lang is None else f"{self.lang}={self.source}"


def read_source(value: object, name: str) -> str | Source:
    """A source from the value of the setting `name`: a path or name, LANG=SOURCE, or a mapping; a mapping of nothing
    else is a name.

    A path that is there is one, whatever it is called: de=speech may be a folder.

    Raises:
        SettingsError: a key or value that cannot be.
    """
    if isinstance(value, str | os.PathLike) and str(value).strip():
        word = str(value)
        named = _OF_LANGUAGE.fullmatch(word)
        if named is None or os.path.exists(os.path.expanduser(word)):
            return word
        if not named["source"].strip():
            raise SettingsError(
                f"{name}: {word!r} names a language and no recordings; allowed: LANG=SOURCE; write {word.strip()}"
                "recordings/"
            )
        return Source(str(named["source"]), lang=named["lang"])
    if isinstance(value, Source):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if not isinstance(value, Mapping):
        raise SettingsError(f"{name}: {value!r} cannot be; allowed: text, or {_EXAMPLE}; put text in quotes")
    keys = [field.name for field in dataclasses.fields(Source)]
    if unknown := [key for key in value if key not in keys]:
        raise SettingsError(
            f"{name}: unknown key {unknown[0]!r} of a source; allowed: {', '.join(keys)}; write {_EXAMPLE}"
        )
    for key in ("source", "text_column", "tier", "lang"):
        text = value.get(key)
        if not (isinstance(text, str) and text.strip()) and (key == "source" or text is not None):
            # A bare `no` (Norwegian) is false in YAML 1.1.
            example = '{source: fleurs, lang: "no"}' if key == "lang" else _EXAMPLE
            raise SettingsError(f"{name}: {key} is {text!r}; allowed: text; write {example}")
    weight = _number(value.get("weight", 1.0))
    if not 0 < weight <= 1000:
        raise SettingsError(
            f"{name}: weight is {value['weight']!r}; allowed: a number above 0, 1000 at most; write {_EXAMPLE}"
        )
    mix = value.get("mix")
    if mix is not None:
        mix = _number(mix)
        if not 0 < mix < 1 or weight != 1:
            raise SettingsError(
                f"{name}: mix is {value['mix']!r}; allowed: a number above 0 and below 1, without a weight; write "
                "{source: fleurs, lang: es, mix: 0.2}"
            )
    labelled = value.get("labelled", True)
    if not isinstance(labelled, bool):
        raise SettingsError(f"{name}: labelled is {labelled!r}; allowed: true or false")
    units = value.get("units")
    if units is not None and (units not in UNITS or mix is None):
        raise SettingsError(
            f"{name}: units is {units!r}; allowed: {', '.join(UNITS)}, of a source with a mix; of all others --units"
        )
    texts = (value.get("text_column"), value.get("tier"), value.get("lang"))
    read = Source(str(value["source"]), weight, *texts, mix, labelled, units)
    return read.source if read == Source(read.source) else read


def refuse_mix(sources: Sequence[str | Source], temperature: float) -> None:
    """Raise SettingsError where what is mixed in leaves nothing that it is mixed into, or would not keep its share."""
    shares = [source.mix for source in sources if isinstance(source, Source) and source.mix is not None]
    if sum(shares) >= 1 or (shares and len(shares) == len(sources)):
        raise SettingsError(
            f"data: {len(shares)} of {len(sources)} sources are mixed in, {sum(shares):g} of the training together; "
            "allowed: below 1, and a source without a mix, whose validation and test splits judge; lower the mix, or "
            "drop it"
        )
    if shares and temperature != 1:
        raise SettingsError(
            f"--temperature {temperature:g}: levels languages, and so would change the share that `mix` gives a "
            "source; allowed with it: 1; drop one of the two"
        )


def refuse_unlabelled(sources: Sequence[str | Source], name: str) -> None:
    """Raise SettingsError where transcripts that are to be learnt are not to be looked at. name: of the setting."""
    for source in sources:
        if isinstance(source, Source) and not source.labelled:
            raise SettingsError(
                f"{name}: {source}: labelled is false, and it is the transcripts that are learnt; allowed: in the data "
                "of pretrain; drop it, or the source"
            )


def _number(weight: object) -> float:
    """Text counts too: YAML 1.1 reads `1e-1`, which has no point, as text."""
    if isinstance(weight, bool) or not isinstance(weight, str | int | float):
        return math.nan
    try:
        return float(weight)
    except (ValueError, OverflowError):
        return math.nan


def plain_source(source: str | Source) -> str | dict[str, object]:
    """As `read_source` reads it again."""
    if isinstance(source, str):
        return source
    return {
        field.name: getattr(source, field.name)
        for field in dataclasses.fields(source)
        if getattr(source, field.name) != field.default
    }

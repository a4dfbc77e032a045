"""One source of recordings, with what differs between it and the others."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass

from hf_speech_tl.errors import SettingsError

_EXAMPLE = "{source: fleurs, weight: 2}"


@dataclass(frozen=True)
class Source:
    """What one --data names. In a YAML file it may be a mapping with these keys.

    weight: how often an epoch holds each of its training rows; a fraction of them is drawn anew for each. text_column
    and tier: as the options of these names, for this source alone.
    """

    source: str
    weight: float = 1.0
    text_column: str | None = None
    tier: str | None = None

    def __str__(self) -> str:
        return self.source


def read_source(value: object, name: str) -> str | Source:
    """A source from the value of the setting `name`: a path or name, or a mapping; a mapping of nothing else is a name.

    Raises:
        SettingsError: a key or value that cannot be.
    """
    if isinstance(value, str | os.PathLike) and str(value).strip():
        return str(value)
    if isinstance(value, Source):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if not isinstance(value, Mapping):
        raise SettingsError(f"{name}: {value!r} cannot be; allowed: text, or {_EXAMPLE}; put text in quotes")
    keys = [field.name for field in dataclasses.fields(Source)]
    if unknown := [key for key in value if key not in keys]:
        raise SettingsError(
            f"{name}: unknown key {unknown[0]!r} of a source; allowed: {', '.join(keys)}; write {_EXAMPLE}"
        )
    for key in ("source", "text_column", "tier"):
        text = value.get(key)
        if not (isinstance(text, str) and text.strip()) and (key == "source" or text is not None):
            raise SettingsError(f"{name}: {key} is {text!r}; allowed: text; write {_EXAMPLE}")
    weight = _number(value.get("weight", 1.0))
    if not 0 < weight <= 1000:
        raise SettingsError(
            f"{name}: weight is {value['weight']!r}; allowed: a number above 0, 1000 at most; write {_EXAMPLE}"
        )
    read = Source(str(value["source"]), weight, value.get("text_column"), value.get("tier"))
    return read.source if read == Source(read.source) else read


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

"""What a target language could learn from first: recordings in another language, or a model that has heard some."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from hf_speech_tl.corpora import find_source
from hf_speech_tl.errors import SettingsError, named_by
from hf_speech_tl.languages import Language, find_language
from hf_speech_tl.settings import STARTER, Source
from hf_speech_tl.settings.source import read_source

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class Candidate:
    """name: as it is told, without the folders above. place: recordings, as --data takes them, or a model, as --model
    does. language: that of the recordings; of a model the one that it writes, None where it was not said."""

    name: str
    kind: Literal["corpus", "checkpoint"]
    place: Source
    language: Language | None


def read_candidate(word: str | Source, option: str = "candidate") -> Candidate:
    """LANG=SOURCE for recordings; for a model a directory, a Hub id or `starter`, with LANG= before it or without.

    LANG=starter are the recordings of that name. SettingsError for what is neither.
    """
    read = read_source(word, option)
    source = read if isinstance(read, Source) else Source(read)
    short = Path(source.source).name if os.path.exists(os.path.expanduser(source.source)) else source.source
    name = short if source.lang is None else f"{source.lang}={short}"
    try:
        language = find_language(source.lang) if source.lang is not None else None
    except SettingsError as error:
        raise SettingsError(f"{option} {name}: {error}") from None
    if _is_model(source.source, named=language is not None):
        return Candidate(name, "checkpoint", source, language)
    if language is None:
        raise SettingsError(
            f"{option}: {name!r} is no model, and of recordings the language has to be said; write LANG={name}, or the "
            "directory or Hub id of a model"
        )
    with named_by(option, "--data"):
        find_source(source.source, language)
    return Candidate(name, "corpus", source, language)


def read_candidates(words: Sequence[str | Source]) -> tuple[Candidate, ...]:
    """All of them, told apart by their whole path where the last name of it would not do.

    SettingsError for fewer than two, or for one that was given twice.
    """
    candidates = tuple(map(read_candidate, words))
    if len(candidates) < 2:
        raise SettingsError(f"candidates: {len(candidates)} given; a ranking needs two or more; name another")
    names = [one.name for one in candidates]
    told = [replace(one, name=_whole(one)) if names.count(one.name) > 1 else one for one in candidates]
    names = [one.name for one in told]
    if twice := [name for name in names if names.count(name) > 1]:
        raise SettingsError(f"candidates: {twice[0]} is given twice; drop one")
    return tuple(told)


def _whole(candidate: Candidate) -> str:
    place = candidate.place
    return place.source if place.lang is None else f"{place.lang}={place.source}"


def _is_model(place: str, *, named: bool) -> bool:
    path = Path(os.path.expanduser(place))
    if path.is_dir():
        return (path / "config.json").is_file()
    if place == STARTER:
        return not named
    return not path.exists() and _HUB_ID.fullmatch(place) is not None and not path.parent.is_dir()

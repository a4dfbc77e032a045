"""Which languages the sources of a run are in, and which settings do not go with them."""

from __future__ import annotations

from collections.abc import Sequence

from hf_speech_tl.corpora.sources import STARTER_LANGUAGE, find_source, is_starter_speech
from hf_speech_tl.errors import SettingsError
from hf_speech_tl.languages import (
    MANY,
    UNCODED,
    Language,
    check_units,
    find_language,
    find_model_language,
    is_chinese,
)
from hf_speech_tl.settings import AUTO, FinetuneSettings, Source


def language_of(source: str | Source, lang: str | None) -> Language:
    """The language of a source: its own, else that of the model, `lang`; where neither is said, the one that the
    starter speech is in, and of other sources one without a code, whose transcripts are read by their script alone.

    Raises SettingsError for a tag that is no language's, and where a model of many languages leaves it open.
    """
    if isinstance(source, Source) and source.lang is not None:
        try:
            return find_language(source.lang)
        except SettingsError as error:
            raise SettingsError(f"--data {source.lang}={source}: {error}") from None
    if lang is None:
        return find_language(STARTER_LANGUAGE if is_starter_speech(str(source)) else UNCODED)
    if find_model_language(lang).tag == MANY:
        raise SettingsError(
            f"--data {source}: which language it is in is not said, and --lang {lang} leaves it open; write "
            f"--data LANG={source}, in YAML {{source: {source}, lang: LANG}}"
        )
    return find_language(lang)


def find_spoken(sources: Sequence[str | Source], lang: str | None) -> tuple[Language, ...]:
    """The languages of all sources, each once, in their order.

    Raises SettingsError as language_of and find_source, and where sources that are still to be chosen (`auto`) would
    have to be in many languages.
    """
    if tuple(sources) == (AUTO,) and lang is not None:
        language = find_model_language(lang)
        if language.tag == MANY:
            raise SettingsError(
                f"--lang {lang}: in which languages, nobody can choose for you; name recordings of each, such as "
                "--data it=DIR --data es=DIR"
            )
        return (language,)
    spoken = {}
    for source in sources:
        language = language_of(source, lang)
        find_source(str(source), language)
        spoken[language.tag] = language
    return tuple(spoken.values())


def refuse_for_languages(settings: FinetuneSettings, spoken: Sequence[Language]) -> None:
    """Raise SettingsError for what cannot be with recordings in the languages `spoken`."""
    for language in spoken:
        check_units(settings.units, language)
    for source in settings.data:
        if isinstance(source, Source) and source.units is not None:
            check_units(source.units, language_of(source, settings.lang))
    if settings.simplify and not any(map(is_chinese, spoken)):
        raise SettingsError(
            f"--simplify --lang {settings.lang}: {spoken[0].name} has no traditional characters; allowed for Chinese; "
            "drop --simplify"
        )
    refuse_temperature(settings.temperature, spoken)


def refuse_temperature(temperature: float, spoken: Sequence[Language]) -> None:
    """Raise SettingsError where there is nothing to balance."""
    if temperature != 1 and len(spoken) == 1:
        raise SettingsError(
            f"--temperature {temperature:g}: balances languages, and all recordings are in {spoken[0].name}; "
            "allowed: 1; to balance sources give them weights, in YAML {source: ..., weight: 2}"
        )

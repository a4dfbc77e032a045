"""In which language and units the head of a checkpoint writes, as our own runs say of the models they leave."""

from __future__ import annotations

import json
from dataclasses import dataclass

import yaml

from hf_speech_tl.models.starter import read_beside


@dataclass(frozen=True)
class Writing:
    """lang: the tag that the model was trained with, `mul` for several languages. units: char, romanized or ipa."""

    lang: str
    units: str = "char"
    simplify: bool = False

    def __str__(self) -> str:
        return f"{self.units} units{', simplified' if self.simplify else ''}"


def read_writing(name: str, target_lang: str | None = None) -> Writing | None:
    """What results.json, else run.yaml, of a directory or Hub id says; None where neither is one of ours.

    target_lang: the adapter that was asked of an MMS model, as it names it; it writes that language's characters.
    """
    if target_lang is not None:
        return Writing(target_lang.partition("-")[0])
    return _from_results(name) or _from_settings(name)


def _from_results(name: str) -> Writing | None:
    try:
        results = json.loads(read_beside(name, "results.json"))
        language = results["language"]
        return _checked(results["lang"], language["units"], language["simplify"])
    except (OSError, ValueError, KeyError, TypeError):  # somebody else's file of that name
        return None


def _from_settings(name: str) -> Writing | None:
    try:
        settings = yaml.safe_load(read_beside(name, "run.yaml"))
        if "objective" in settings:  # of pretraining, which leaves an encoder
            return None
        return _checked(settings["lang"], settings.get("units", "char"), settings.get("simplify", False))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        return None


def _checked(lang: object, units: object, simplify: object) -> Writing | None:
    if isinstance(lang, str) and isinstance(units, str) and isinstance(simplify, bool):
        return Writing(lang, units, simplify)
    return None

"""Models with small layers and a head for each of many languages, such as MMS (Pratap et al., arXiv:2305.13516)."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping

from transformers import PreTrainedModel

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models.files import find_file
from hf_speech_tl.models.starter import place_of

_LISTED = 12


def adapter_languages(vocabulary: object) -> dict[str, dict[str, int]]:
    """The symbols of each language, from the content of a vocab.json; empty for one of a single language."""
    if not isinstance(vocabulary, dict) or not all(isinstance(entry, dict) for entry in vocabulary.values()):
        return {}
    return vocabulary


def check_adapter(name: str, target_lang: str | None) -> None:
    """Raise SettingsError unless `target_lang` is a language that the model has, or both have none."""
    languages = _languages(name)
    if target_lang is None and not languages:
        return
    if not languages:
        raise SettingsError(
            f"--target-lang {target_lang}: {name} has no adapters of languages, as facebook/mms-1b-all has; allowed "
            "with such models; drop --target-lang"
        )
    if target_lang in languages:
        return
    begun = [known for known in languages if target_lang and known.startswith(target_lang)]
    near = begun or difflib.get_close_matches(target_lang or "", languages, n=_LISTED) or list(languages)
    listed = ", ".join(near[:_LISTED]) + (f" and {len(near) - _LISTED} more" if len(near) > _LISTED else "")
    asked = f"--target-lang {target_lang}" if target_lang else "--target-lang is missing"
    raise SettingsError(
        f"{asked}: {name} has an adapter for each of {len(languages)} languages, by ISO 639-3; near: {listed}; name one"
    )


def load_adapter(model: PreTrainedModel, name: str, target_lang: str) -> None:
    """Put the layers and the head of a language into the model, which is saved with them from then on.

    Raises SettingsError where they cannot be had.
    """
    try:
        model.load_adapter(target_lang)
    except Exception as error:  # missing, cut short, of another shape, or a pickle that holds more than weights
        reason = " ".join(str(error).split())[:300]
        raise SettingsError(
            f"--target-lang {target_lang}: the adapter of {name} cannot be loaded ({reason}). Take another "
            "language, or mend adapter.*.safetensors."
        ) from error


def _languages(name: str) -> Mapping[str, object]:
    path = find_file(place_of(name), "vocab.json")
    try:
        return adapter_languages(json.loads(path.read_text("utf-8"))) if path else {}
    except (ValueError, RecursionError, OSError) as error:
        raise SettingsError(f"--model {name}: its vocab.json cannot be read ({error}). Mend the file.") from error

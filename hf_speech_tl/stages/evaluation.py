"""A saved model on a split it did not learn from, alone or against another on the same utterances."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from hf_speech_tl.audio import RATE
from hf_speech_tl.corpora import load_corpus, screen
from hf_speech_tl.errors import SettingsError
from hf_speech_tl.languages import find_language
from hf_speech_tl.models import frame_count
from hf_speech_tl.scoring import compare
from hf_speech_tl.settings import EvaluateSettings
from hf_speech_tl.stages.judgement import judge, load_recogniser


def run(settings: EvaluateSettings) -> dict[str, object]:
    """Scores of `--model` on the split, and with `--against` those of the other model and the paired gain.

    The utterances are those that a training run of the first model with this data would have kept; both models get the
    same ones. Raises SettingsError or DataError.
    """
    known = _known(settings.model)
    tag = settings.lang or known.lang
    if tag is None:
        raise SettingsError(f"--lang: {settings.model} does not say which language it is of. Give --lang TAG.")
    units = known.units
    if settings.against and (other := _known(settings.against).units) != units:
        raise SettingsError(
            f"--against {settings.against}: writes {other} units, {settings.model} writes {units}; their errors cannot "
            "be compared. Compare models of the same units."
        )
    language = find_language(tag)
    checkpoint, vocabulary = load_recogniser(settings.model)
    config = checkpoint.model.config
    corpus = screen(
        load_corpus(settings.data, tag, text_column=settings.text_column),
        language,
        units,
        max_seconds=settings.max_seconds,
        min_seconds=0.1,
        frames_of=lambda seconds: frame_count(config, round(seconds * RATE)),
        threads=os.cpu_count() or 1,
        simplify=known.simplify,
    )
    rows = {"train": corpus.train, "validation": corpus.validation, "test": corpus.test}[settings.split]
    spaced = language.spaced or units == "romanized"
    ours = judge(checkpoint, vocabulary, rows, split=settings.split, spaced=spaced, seed=0)
    results: dict[str, object] = {
        "command": "evaluate",
        "lang": language.tag,
        "model": settings.model,
        "data": {"sources": list(corpus.names), "rows": len(rows), "skipped": len(corpus.skipped)},
        "after": ours.scores,
    }
    if settings.against:
        other_checkpoint, other_vocabulary = load_recogniser(settings.against)
        theirs = judge(other_checkpoint, other_vocabulary, rows, split=settings.split, spaced=spaced, seed=0)
        texts = [[recognition.text for recognition in side.recognitions] for side in (ours, theirs)]
        results["against"] = {
            "model": settings.against,
            "scores": theirs.scores,
            "gain": compare(rows["transcript"][:], texts[0], texts[1], spaced, rows["speaker"][:]),
        }
    return results


@dataclass(frozen=True)
class _Known:
    """What a model's directory says of itself, where it is one of ours."""

    lang: str | None = None
    units: str = "char"
    simplify: bool = False


def _known(model: str) -> _Known:
    path = Path(model) / "results.json"
    if not path.is_file():
        return _Known()
    results = json.loads(path.read_text("utf-8"))
    return _Known(results["lang"], results["language"]["units"], results["language"]["simplify"])

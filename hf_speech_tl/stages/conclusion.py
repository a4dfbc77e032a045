"""The end of a run that leaves a recogniser: its picture, card, proof, settings and results; and the push."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import datasets

from hf_speech_tl.corpora import samples
from hf_speech_tl.errors import SpeechError
from hf_speech_tl.models import Checkpoint, Vocabulary
from hf_speech_tl.publishing import push, write_card
from hf_speech_tl.publishing.curves import draw_curves
from hf_speech_tl.publishing.save import verify_saved
from hf_speech_tl.settings import FinetuneSettings, SelftrainSettings, write_yaml
from hf_speech_tl.stages.runs.output import write_json

_VERIFIED = 8  # test clips


def complete_directory(
    directory: Path,
    settings: FinetuneSettings | SelftrainSettings,
    results: dict[str, object],
    saved: Checkpoint,
    vocabulary: Vocabulary,
    test: datasets.Dataset,
    *,
    steps: int,
    precision: str,
) -> None:
    """Write what stands beside a saved model, with results.json last: a directory that has it is complete.

    saved, vocabulary: the model as it is read again from `directory`, and proved on clips of `test`. steps, precision:
    what was measured; whoever repeats the run takes them. Raises RunError where transformers reads anything else.
    """
    # The picture is not worth the run, should somebody have removed the log.
    with contextlib.suppress(SpeechError, OSError):
        draw_curves(directory / "log.jsonl", directory / "training.svg")
    write_card(directory, results)
    heard = [samples(test[at]["audio"]) for at in range(min(_VERIFIED, len(test)))]
    verify_saved(directory, saved, vocabulary, heard)
    resolved = replace(settings, max_minutes=None, epochs=None, max_steps=steps, precision=precision)
    write_yaml(resolved, directory / "run.yaml")
    write_json(results, directory / "results.json")


def hand_over(
    directory: Path, settings: FinetuneSettings | SelftrainSettings, results: dict[str, object]
) -> dict[str, object]:
    """Push where that is asked for. Returns the results with what is told and not stored: results.json travels."""
    told = {}
    if settings.push_to_hub is not None:
        wanted = None if settings.push_to_hub == "auto" else settings.push_to_hub
        told["pushed_to"] = push(directory, wanted, private=settings.private)
    return {**results, **told, "output": str(directory)}

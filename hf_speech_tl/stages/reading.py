"""The corpus that a stage works on: read, screened, and counted on the screen while that takes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.progress import Progress
from transformers import PreTrainedConfig

from hf_speech_tl.audio import RATE
from hf_speech_tl.corpora import Corpus, load_corpus, screen
from hf_speech_tl.languages import Language
from hf_speech_tl.models import frame_count
from hf_speech_tl.settings import Source

_SHORTEST = 0.1  # seconds: a click, not an utterance


def read_corpus(
    sources: Sequence[str | Source],
    language: Language,
    config: PreTrainedConfig,
    *,
    units: str,
    simplify: bool,
    max_seconds: float,
    text_column: str | None,
    tier: str | None,
    quiet: bool,
    only: str | None = None,
) -> Corpus:
    """The rows of `sources` that a model of this configuration can be trained on or judged by.

    only: the split that is wanted; the others are left empty. Raises SettingsError and DataError as load_corpus and
    screen do.
    """
    # No seed here: with another one, a model would be judged by rows that an earlier one has learnt.
    corpus = load_corpus(sources, language.tag, text_column=text_column, tier=tier)
    if only is not None:
        empty = {name: getattr(corpus, name).select([]) for name in {"train", "validation", "test"} - {only}}
        corpus = replace(corpus, **empty)
    with Progress(console=Console(stderr=True), transient=True, disable=quiet or not sys.stderr.isatty()) as bar:
        task = bar.add_task("listening to every recording once")
        return screen(
            corpus,
            language,
            units,
            max_seconds=max_seconds,
            min_seconds=_SHORTEST,
            frames_of=lambda seconds: frame_count(config, round(seconds * RATE)),
            threads=os.cpu_count() or 1,
            simplify=simplify,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )


def is_spaced(language: Language, units: str) -> bool:
    """Whether transcripts in these units have spaces between words: pinyin has, characters of Chinese have not."""
    return language.spaced or units == "romanized"

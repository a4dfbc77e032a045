"""The corpus that a stage works on: read, screened, and counted on the screen while that takes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import datasets
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from transformers import PreTrainedConfig

from hf_speech_tl.audio import RATE
from hf_speech_tl.corpora import Corpus, forget_transcripts, hear, load_corpus, screen
from hf_speech_tl.languages import Language, find_language, find_model_language, is_mandarin
from hf_speech_tl.models import frame_count, read_config
from hf_speech_tl.settings import FinetuneSettings, SelftrainSettings, Source

_EVERY = 30.0  # seconds
SHORTEST = 0.1  # seconds: a click, not an utterance


def read_corpus(
    sources: Sequence[str | Source],
    language: Language | None,
    config: PreTrainedConfig,
    *,
    units: str,
    simplify: bool,
    max_seconds: float,
    text_column: str | None,
    tier: str | None,
    quiet: bool,
    only: str | None = None,
    labelled: bool = True,
    pooled: bool = False,
) -> Corpus:
    """The rows of `sources` that a model of this configuration can be trained on or judged by.

    language: that of sources without one of their own, None where it is not said. only: the split that is wanted; the
    others are left empty. Unless `labelled`, rows without a transcript that can be used stay; `pooled`, all rows for
    training are taken as if they had none, and no others. Raises SettingsError and DataError as load_corpus and screen
    do.
    """
    # No seed here: with another one, a model would be judged by rows that an earlier one has learnt.
    with progress_of("looking at every recording", quiet=quiet) as progress:
        corpus = load_corpus(
            sources,
            language.tag if language else None,
            text_column=text_column,
            tier=tier,
            labelled=labelled and not pooled,
            divided=not pooled,
            progress=progress,
        )
    if pooled:
        corpus = forget_transcripts(corpus)
    if only is not None:
        empty = {name: getattr(corpus, name).select([]) for name in {"train", "validation", "test"} - {only}}
        corpus = replace(corpus, **empty)
    with progress_of("listening to recordings", quiet=quiet) as progress:
        return screen(
            corpus,
            units,
            max_seconds=max_seconds,
            min_seconds=SHORTEST,
            frames_of=lambda seconds: frame_count(config, round(seconds * RATE)),
            simplify=simplify,
            labelled=labelled and not pooled,
            progress=progress,
        )


def read_test(settings: FinetuneSettings | SelftrainSettings, model: str, units: str) -> datasets.Dataset:
    """The test rows of a run, in these units and without what cannot be decoded; `model` hears them. Raises as
    `read_corpus`."""
    corpus = read_corpus(
        settings.data,
        find_model_language(settings.lang),
        read_config(model),
        units=units,
        simplify=settings.simplify,
        max_seconds=settings.max_seconds,
        text_column=settings.text_column,
        tier=settings.tier,
        quiet=settings.quiet,
        only="test",
    )
    return hear_split(corpus, "test", quiet=settings.quiet).test if len(corpus.test) else corpus.test


def hear_split(corpus: Corpus, split: str, *, quiet: bool) -> Corpus:
    """`corpus` with every recording of `split` decoded once, and without those that cannot be. Raises DataError."""
    with progress_of(f"listening to the {split} split", quiet=quiet) as progress:
        return hear(corpus, split, progress=progress)


def hear_after_training(corpus: Corpus, *, quiet: bool) -> Corpus:
    """`corpus` with the test split as it is now: hours later, some of it may be gone, which is told and noted."""
    count = len(corpus.test) if "test" in corpus.heard else None
    with progress_of("listening to the test split", quiet=quiet) as progress:
        corpus = hear(corpus, "test", again=True, progress=progress)
    if count is None or len(corpus.test) == count:
        return corpus
    lost = f"{count - len(corpus.test)} of {count} test recordings could no longer be read when training was done"
    print(f"warning: {lost}", file=sys.stderr, flush=True)
    return replace(corpus, notes=(*corpus.notes, lost))


@contextmanager
def progress_of(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A function that is told how many of how many are done, and shows it: a bar, or a line every half minute."""
    began = told = time.monotonic()
    on_terminal = sys.stderr.isatty()
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), "{task.fields[rate]}", TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet or not on_terminal) as bar:
        task = bar.add_task(what, rate="")

        def show(done: int, total: int) -> None:
            nonlocal told
            now = time.monotonic()
            rate = done / max(now - began, 1e-9)
            bar.update(task, completed=done, total=total, rate=f"{rate:.0f}/s")
            if not quiet and not on_terminal and now - told > _EVERY:
                told = now
                left = (total - done) / rate if rate else 0.0
                print(f"{what}: {done} of {total}, {rate:.0f}/s, {left:.0f} s left", file=sys.stderr, flush=True)

        yield show


def is_spaced(language: Language, units: str) -> bool:
    """Whether transcripts in these units have spaces between words: pinyin has, between syllables; characters of
    Chinese have not, nor has what is romanised of Thai or Japanese."""
    return language.spaced or (units == "romanized" and is_mandarin(language))


def all_spaced(tags: Iterable[str], units: str) -> bool:
    """Whether that is so in every language of `tags`: only then words can be counted over all of them."""
    return all(is_spaced(find_language(tag), units) for tag in set(tags))

"""Targets that are made of every recording before the training, and kept on the disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
from accelerate import PartialState
from accelerate.utils import gather_object

from hf_speech_tl.corpora import Corpus, Skipped, without
from hf_speech_tl.errors import DataError, SettingsError
from hf_speech_tl.settings import PretrainSettings
from hf_speech_tl.stages.reading import progress_of
from hf_speech_tl.training import Clips, MadeTargets, Store, keep_targets


def check_cache(settings: PretrainSettings) -> None:
    """Raise SettingsError unless targets can be kept where they are to be, before anything is made of a recording."""
    place = _kept_in(settings)
    there = next(path for path in (place, *place.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        reason = "cannot be written to" if there.is_dir() else "is a file"
        raise SettingsError(
            f"--cache {place}: {there} {reason}; allowed: a directory, there or to be made; name another"
        )


def kept_in(settings: PretrainSettings, fingerprint: str) -> Store:
    """Where targets that have this fingerprint are kept."""
    return Store(_kept_in(settings) / fingerprint)


def _kept_in(settings: PretrainSettings) -> Path:
    return settings.cache or Path(datasets.config.HF_DATASETS_CACHE) / "hf_speech_tl" / "targets"


def make_targets(
    what: str,
    make: Callable[[Sequence[np.ndarray]], Iterable[np.ndarray]],
    targets: MadeTargets,
    corpus: Corpus,
    validation: datasets.Dataset,
    settings: PretrainSettings,
    processes: PartialState,
) -> tuple[Corpus, datasets.Dataset]:
    """Make `targets` of the training rows of `corpus` and of those of `validation`; returns both without those that
    cannot be decoded, which are listed as skipped.

    make: of clips `(samples,)` at 16 kHz. Each process makes its share; a set that was made to the end is not looked at
    again. Raises DataError where nothing can be decoded, RunError where the disk is full.
    """
    chosen = repr((corpus.fingerprint, settings.seed, settings.cache_gb, len(corpus.train), len(validation)))
    key = hashlib.blake2b(chosen.encode(), digest_size=16).hexdigest()
    bad = targets.store.complete(key)  # looked up by all before any of them notes it
    processes.wait_for_everyone()
    if bad is None:
        rows = datasets.concatenate_datasets([validation, corpus.train])
        clips = Clips(rows)
        mine = range(processes.process_index, len(rows), processes.num_processes)
        with progress_of(what, quiet=settings.quiet or not processes.is_main_process) as progress:
            found = keep_targets(make, targets, clips, mine, lambda done: progress(done, len(mine)))
        bad = {name: reason for of_process in gather_object([found]) for name, reason in of_process.items()}
        if processes.is_main_process:
            targets.store.note_complete(key, bad)
        processes.wait_for_everyone()
    skipped = [*_skipped(corpus.train, "train", bad), *_skipped(validation, "validation", bad)]
    train, validation = without(corpus.train, bad), without(validation, bad)
    if not len(train) or not len(validation):
        raise DataError("none of the recordings can be decoded. Has the data been moved or changed?")
    return replace(corpus, train=train, skipped=(*corpus.skipped, *skipped)), validation


def _skipped(rows: datasets.Dataset, split: str, bad: Mapping[str, str]) -> list[Skipped]:
    pairs = zip(rows["id"][:], rows["source"][:], strict=True) if bad else ()
    return [Skipped(name, split, source, bad[name]) for name, source in pairs if name in bad]

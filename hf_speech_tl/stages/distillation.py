"""The lesson of `--objective distil`: what a teacher makes of the recordings, computed before the training."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from transformers import PreTrainedConfig, set_seed

from hf_speech_tl.audio import RATE
from hf_speech_tl.corpora import Corpus, Skipped
from hf_speech_tl.errors import DataError, SettingsError
from hf_speech_tl.models import Teacher, encoder_config, frame_count, load_teacher
from hf_speech_tl.objectives import Distillation
from hf_speech_tl.settings import PretrainSettings
from hf_speech_tl.stages.lesson import Lesson
from hf_speech_tl.stages.plan import show_plan, size
from hf_speech_tl.stages.processes import first_then_others
from hf_speech_tl.stages.readiness import Ready, known_as
from hf_speech_tl.stages.reading import progress_of
from hf_speech_tl.stages.teaching import choose_validation
from hf_speech_tl.training import Clips, Store, TaughtStates, keep_states, quick_dtype

_VALUE = 2  # bytes


def distil(settings: PretrainSettings, ready: Ready, processes: PartialState) -> Lesson:
    """Ask the teacher of every recording, or as many as --cache-gb has room for.

    Raises SettingsError for a teacher or a layer that cannot be, RunError where the disk is too small.
    """
    _check_layer(settings, ready)
    corpus, validation = choose_validation(ready.corpus, settings.seed)
    teacher = first_then_others(processes, lambda: _teacher(settings, ready.config, processes.device))
    width = teacher.width * len(teacher.layers)
    room = settings.cache_gb * 1e9 - sum(_sizes(validation, ready.config, width))
    covered = _covered(_sizes(corpus.train, ready.config, width), room, settings.seed)
    if not len(covered):
        raise SettingsError(
            f"--cache-gb {settings.cache_gb:g}: has no room for what the teacher makes of the validation recordings "
            "alone; allowed: more; raise it"
        )
    train = corpus.train.select(covered)
    store = Store(_directory(settings) / teacher.fingerprint())
    told = _told(settings, teacher, corpus, train, sum(_sizes(train, ready.config, width)))
    if processes.is_main_process and not settings.quiet:
        show_plan([*told, ("", f"what it makes of them is kept in {store.directory}")])
    bad = _ask(teacher, store, train, validation, settings, corpus.fingerprint, processes)
    skipped = [*_skipped(train, "train", bad), *_skipped(validation, "validation", bad)]
    train, validation = _without(train, bad), _without(validation, bad)
    if not len(train) or not len(validation):
        raise DataError("none of the recordings can be decoded. Has the data been moved or changed?")
    set_seed(settings.seed)  # a teacher may have drawn random numbers
    return Lesson(
        module=Distillation(ready.encoder, len(teacher.layers), teacher.width, student_layer=settings.student_layer),
        corpus=replace(corpus, train=train, skipped=(*corpus.skipped, *skipped)),
        validation=validation,
        targets=TaughtStates(store),
        told=told,
        described={
            "teacher": known_as(str(settings.teacher)),
            "teacher_layers": list(teacher.layers),
            "student_layer": settings.student_layer,
            "hours_taught": round(sum(train["seconds"][:]) / 3600, 4),
        },
    )


def _teacher(settings: PretrainSettings, pupil: PreTrainedConfig, device: torch.device) -> Teacher:
    named = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    dtype = named.get(settings.precision) or quick_dtype(device)
    return load_teacher(str(settings.teacher), settings.taught_layers, pupil, device, dtype)


def _check_layer(settings: PretrainSettings, ready: Ready) -> None:
    layer, count = settings.student_layer, encoder_config(ready.config).num_hidden_layers
    if layer is not None and layer > count:
        raise SettingsError(f"--student-layer {layer}: {settings.begins_as} has {count} layers; allowed: 1 to {count}")
    if layer is not None and ready.config.model_type in ("sew", "sew-d"):
        raise SettingsError(
            f"--student-layer {layer}: within a model of the family {ready.config.model_type} there are fewer frames "
            "than it answers with; allowed: last; drop it"
        )


def _directory(settings: PretrainSettings) -> Path:
    own = Path(datasets.config.HF_DATASETS_CACHE) / "hf_speech_tl" / "taught"
    return settings.cache or own


def _sizes(rows: datasets.Dataset, pupil: PreTrainedConfig, width: int) -> list[int]:
    """Bytes that the targets of each row take."""
    return [max(0, frame_count(pupil, round(seconds * RATE))) * width * _VALUE for seconds in rows["seconds"][:]]


def _covered(sizes: list[int], room: float, seed: int) -> np.ndarray:
    """The rows that there is room for, drawn at random, in the order of the table."""
    order = np.random.default_rng(seed).permutation(len(sizes))
    taken = np.cumsum(np.asarray(sizes)[order]) <= room
    return np.sort(order[taken])


def _told(
    settings: PretrainSettings, teacher: Teacher, corpus: Corpus, train: datasets.Dataset, needed: int
) -> tuple[tuple[str, str], ...]:
    """Lines for the plan."""
    layers = " and ".join(map(str, teacher.layers))
    hours, all_hours = (sum(rows["seconds"][:]) / 3600 for rows in (train, corpus.train))
    told = f"{settings.teacher}, layer{'s' if len(teacher.layers) > 1 else ''} {layers} (--teacher-layers)"
    much = f"of {hours:.2f} h of training audio, {size(needed)}"
    if len(train) < len(corpus.train):
        much += f"; {all_hours - hours:.2f} of {all_hours:.2f} h have no room (--cache-gb {settings.cache_gb:g})"
    return ("teacher", told), ("", much)


def _ask(
    teacher: Teacher,
    store: Store,
    train: datasets.Dataset,
    validation: datasets.Dataset,
    settings: PretrainSettings,
    fingerprint: str,
    processes: PartialState,
) -> dict[str, str]:
    """Each process asks for its share of the rows; returns the ids of those that cannot be decoded, with reasons.

    A set that was asked for to the end is not looked at again.
    """
    chosen = repr((fingerprint, settings.seed, settings.cache_gb, len(train), len(validation)))
    key = hashlib.blake2b(chosen.encode(), digest_size=16).hexdigest()
    # Looked up by all before any of them notes it.
    known = store.complete(key)
    processes.wait_for_everyone()
    if known is not None:
        return known
    rows = datasets.concatenate_datasets([validation, train])
    clips = Clips(rows, [[]] * len(rows))
    mine = range(processes.process_index, len(rows), processes.num_processes)
    with progress_of("asking the teacher", quiet=settings.quiet or not processes.is_main_process) as progress:
        found = keep_states(teacher, store, clips, mine, lambda done: progress(done, len(mine)))
    bad = {name: reason for of_process in gather_object([found]) for name, reason in of_process.items()}
    if processes.is_main_process:
        store.note_complete(key, bad)
    processes.wait_for_everyone()
    return bad


def _skipped(rows: datasets.Dataset, split: str, bad: Mapping[str, str]) -> list[Skipped]:
    pairs = zip(rows["id"][:], rows["source"][:], strict=True) if bad else ()
    return [Skipped(name, split, source, bad[name]) for name, source in pairs if name in bad]


def _without(rows: datasets.Dataset, bad: Mapping[str, str]) -> datasets.Dataset:
    if not bad:
        return rows
    return rows.select([at for at, name in enumerate(rows["id"][:]) if name not in bad])

"""The lesson of `--objective distil`: what a teacher makes of the recordings, computed before the training."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import datasets
import numpy as np
import torch
from accelerate import PartialState
from transformers import PreTrainedConfig, set_seed

from hf_speech_tl.audio import RATE
from hf_speech_tl.corpora import Corpus
from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models import FeatureExtractor, Teacher, alike, frame_count, load_teacher, quick_dtype, taught_layers
from hf_speech_tl.objectives import Distillation, Spread
from hf_speech_tl.settings import PretrainSettings
from hf_speech_tl.stages.lesson import Lesson
from hf_speech_tl.stages.making import kept_in, make_targets
from hf_speech_tl.stages.readiness import Ready, known_as
from hf_speech_tl.stages.runs.output import Output
from hf_speech_tl.stages.runs.plan import show_plan, size
from hf_speech_tl.stages.runs.processes import first_then_others
from hf_speech_tl.stages.teaching import choose_validation
from hf_speech_tl.training import Clips, MadeTargets, Pretraining

_VALUE = 2  # bytes
_BATCH_SECONDS = 40.0  # of padded audio at once
_SPREAD_CLIPS = 500  # some ten thousands of frames: the mean of a value is then known to a hundredth of its deviation


def check_distil(settings: PretrainSettings, config: PreTrainedConfig, processes: int) -> None:
    """Raise SettingsError for a teacher or a layer that cannot be, as far as configurations tell.

    config: the encoder's own.
    """
    taught_layers(str(settings.teacher), settings.taught_layers)
    layer = settings.student_layer
    if layer is None:
        return
    if layer > config.num_hidden_layers:
        raise SettingsError(
            f"--student-layer {layer}: {settings.begins_as} has {config.num_hidden_layers} layers; allowed: 1 to "
            f"{config.num_hidden_layers}"
        )
    if processes > 1:
        raise SettingsError(
            f"--student-layer {layer}: the layers above it have no gradient, for which {processes} processes would "
            "wait for ever; allowed: last; drop it, or launch one process"
        )
    if config.model_type in ("sew", "sew-d"):
        raise SettingsError(
            f"--student-layer {layer}: within a model of the family {config.model_type} there are fewer frames "
            "than it answers with; allowed: last; drop it"
        )


def distil(settings: PretrainSettings, ready: Ready, output: Output, processes: PartialState) -> Lesson:
    """Ask the teacher of every recording, or as many as --cache-gb has room for; for an encoder that goes on from
    weights, find heads to begin with.

    Raises SettingsError for a teacher that cannot be loaded, RunError where the disk is too small.
    """
    corpus, validation = choose_validation(ready.corpus)
    teacher = first_then_others(processes, lambda: _teacher(settings, ready.config, processes.device))
    width = teacher.width * len(teacher.layers)
    room = settings.cache_gb * 1e9 - sum(_sizes(validation, ready.config, width))
    covered = _covered(_sizes(corpus.train, ready.config, width), room, settings.seed)
    if not len(covered):
        raise SettingsError(
            f"--cache-gb {settings.cache_gb:g}: has no room for what the teacher makes of the validation recordings "
            "alone; allowed: more; raise it"
        )
    all_hours = sum(corpus.train["seconds"][:]) / 3600
    corpus = replace(corpus, train=corpus.train.select(covered))
    targets = MadeTargets(
        kept_in(settings, teacher.fingerprint()), lambda samples: (frame_count(ready.config, samples), width)
    )
    told = _told(settings, teacher, corpus, all_hours, sum(_sizes(corpus.train, ready.config, width)))
    if processes.is_main_process and not settings.quiet:
        show_plan([*told, ("", f"what it makes of them is kept in {targets.store.directory}")])
    corpus, validation = make_targets(
        "asking the teacher", lambda clips: _halved(teacher(clips)), targets, corpus, validation, settings, processes
    )
    clips = _drawn(corpus.train, targets, settings.seed)
    spread = Spread.of(targets.of(clips.decode(row)) for row in range(len(clips)))
    set_seed(settings.seed)  # a teacher may have drawn random numbers
    module = Distillation(ready.encoder, len(teacher.layers), spread, student_layer=settings.student_layer)
    if not ready.checkpoint.fresh and not output.checkpoint:  # a checkpoint has heads
        _fit_heads(module, clips, ready.checkpoint.feature_extractor, processes.device)
    return Lesson(
        module=module,
        corpus=corpus,
        validation=validation,
        targets=targets,
        told=told,
        described={
            "teacher": known_as(str(settings.teacher)),
            "teacher_layers": list(teacher.layers),
            "student_layer": settings.student_layer,
        },
    )


def _drawn(rows: datasets.Dataset, targets: MadeTargets, seed: int) -> Clips:
    """Some clips drawn at random, by which it is known how far each of the targets' values spreads."""
    drawn = np.sort(np.random.default_rng(seed).permutation(len(rows))[:_SPREAD_CLIPS])
    return Clips(rows.select(drawn), targets=targets)


def _fit_heads(module: Distillation, clips: Clips, extractor: FeatureExtractor, device: torch.device) -> None:
    """Fit the module's heads to these clips and their targets; its encoder stays as and where it is."""
    trial = copy.deepcopy(module).to(device).eval()
    collate = Pretraining(trial, extractor, clips).collate

    def batches() -> Iterator[dict[str, Any]]:
        for numbers in alike(clips.seconds, _BATCH_SECONDS):
            batch = collate([clips[number] for number in numbers])
            yield {key: value.to(device) for key, value in batch.items() if torch.is_tensor(value)}

    dtype = quick_dtype(device)
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        trial.fit_heads(batches())
    module.heads.load_state_dict(trial.heads.state_dict())


def _halved(made: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """As float16, where what is too large becomes infinite."""
    with np.errstate(over="ignore"):
        yield from (states.astype(np.float16) for states in made)


def _teacher(settings: PretrainSettings, pupil: PreTrainedConfig, device: torch.device) -> Teacher:
    return load_teacher(str(settings.teacher), settings.taught_layers, pupil, device, quick_dtype(device))


def _sizes(rows: datasets.Dataset, pupil: PreTrainedConfig, width: int) -> list[int]:
    """Bytes that the targets of each row take."""
    return [frame_count(pupil, round(seconds * RATE)) * width * _VALUE for seconds in rows["seconds"][:]]


def _covered(sizes: list[int], room: float, seed: int) -> np.ndarray:
    """The rows that there is room for, drawn at random, in the order of the table."""
    order = np.random.default_rng(seed).permutation(len(sizes))
    taken = np.cumsum(np.asarray(sizes)[order]) <= room
    return np.sort(order[taken])


def _told(
    settings: PretrainSettings, teacher: Teacher, corpus: Corpus, all_hours: float, needed: int
) -> tuple[tuple[str, str], ...]:
    """Lines for the plan; all_hours: of the training recordings, also of those that there is no room for."""
    layers = " and ".join(map(str, teacher.layers))
    told = f"{settings.teacher}, layer{'s' if len(teacher.layers) > 1 else ''} {layers} (--teacher-layers)"
    hours = sum(corpus.train["seconds"][:]) / 3600
    much = f"of {hours:.2f} h of training audio, {size(needed)}"
    if hours < all_hours:
        much += f"; {all_hours - hours:.2f} of {all_hours:.2f} h have no room (--cache-gb {settings.cache_gb:g})"
    return ("teacher", told), ("", much)

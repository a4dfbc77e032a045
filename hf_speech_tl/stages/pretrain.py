"""The pretraining stage: settings, a shape or a checkpoint, and recordings in; an encoder that others load out."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import numpy as np
from accelerate import PartialState

from hf_speech_tl.audio import BadAudio
from hf_speech_tl.corpora import write_skipped
from hf_speech_tl.errors import SettingsError, SpeechError
from hf_speech_tl.models import frame_count
from hf_speech_tl.publishing import write_encoder_card
from hf_speech_tl.publishing.curves import draw_curves
from hf_speech_tl.publishing.save import save_encoder, verify_encoder
from hf_speech_tl.settings import PretrainSettings, write_yaml
from hf_speech_tl.stages.contrast import check_contrast, contrast
from hf_speech_tl.stages.distillation import check_distil, distil
from hf_speech_tl.stages.lesson import Lesson
from hf_speech_tl.stages.making import check_cache
from hf_speech_tl.stages.masked_prediction import check_masked, predict_masked
from hf_speech_tl.stages.probing import LEAST_PROBED, PROBED_SECONDS, draw_probe
from hf_speech_tl.stages.readiness import Check, Ready, get_ready
from hf_speech_tl.stages.results import gather_pretraining
from hf_speech_tl.stages.runs.length import Length, store_length
from hf_speech_tl.stages.runs.memory import give_back, tell_memory
from hf_speech_tl.stages.runs.output import Output, check_space, claim_output, find_output, write_json
from hf_speech_tl.stages.runs.plan import amount, clock, machine, show_plan, size
from hf_speech_tl.stages.runs.processes import agree, check_launch, is_sharded, join_processes, told_once
from hf_speech_tl.stages.runs.recipe import is_small
from hf_speech_tl.stages.teaching import plan_batches, settle_length, teach
from hf_speech_tl.training import (
    Augmenter,
    Clips,
    Objective,
    Pretraining,
    Probe,
    latest,
    probe_steps,
)

# The objectives that there are: what refuses settings before recordings are read, and what prepares the lesson.
_LESSONS: Mapping[str, tuple[Check, Callable[[PretrainSettings, Ready, Output, PartialState], Lesson]]] = {
    "contrastive": (check_contrast, contrast),
    "distil": (check_distil, distil),
    "masked": (check_masked, predict_masked),
}
_KEEPING = ("distil", "masked")  # whose targets are made before the training
_SHOWN = {"eval_loss": "validation loss", "eval_probe_cer": "probe CER"}
_PROBES = 4  # in a run
_VERIFIED = 4  # clips


def run(settings: PretrainSettings) -> dict[str, object]:
    """Pretrain, save and verify; returns what results.json holds (nothing on processes other than the first).

    Raises SettingsError, DataError or RunError, and KeyboardInterrupt after Ctrl-C, when a checkpoint has been saved.
    """
    processes = join_processes()
    if is_sharded(processes):
        raise SettingsError("pretrain does not run under FSDP; allowed: one process, or several that are not sharded")
    output = agree(processes, lambda: _output(settings, processes))
    with told_once(processes, lambda: str(output.directory) if latest(output.checkpoints) else ""):
        return _run(settings, output, processes)


def _output(settings: PretrainSettings, processes: PartialState) -> Output:
    output = find_output(settings)
    if output.checkpoint:
        check_launch(output.checkpoint, processes)
    return output


def _run(settings: PretrainSettings, output: Output, processes: PartialState) -> dict[str, object]:
    if settings.objective in _KEEPING:
        agree(processes, lambda: check_cache(settings))
    check, prepare = _LESSONS[settings.objective]
    ready = get_ready(settings, processes, check)
    agree(processes, lambda: check_space(output, ready.fit.cost.disk))
    lesson = prepare(settings, ready, output, processes)
    recipe, corpus = ready.fit.recipe, lesson.corpus
    augmenter = Augmenter(recipe.waveform, settings.seed, lambda samples: frame_count(ready.config, samples))
    room = ready.fit.room
    judged = Clips(lesson.validation, targets=lesson.targets, room=room)
    train = Clips(
        corpus.train,
        augmenter=augmenter if recipe.waveform else None,
        targets=lesson.targets,
        room=room - judged.size_kept,
    )
    task = Pretraining(
        objective=cast("Objective", lesson.module),
        feature_extractor=ready.checkpoint.feature_extractor,
        validation=judged,
        draw=lesson.draw,
        guard=lesson.guard,
        probe=_probe(ready, processes),
    )
    batches = plan_batches(train.seconds, ready.fit, corpus, settings, processes)
    length = settle_length(
        lesson.module,
        task,
        train,
        batches,
        settings,
        output,
        recipe=recipe,
        processes=processes,
        corpus=corpus,
    )
    task.probed_at = probe_steps(length.steps, length.evaluations, _PROBES)
    # Without a probe it would be the loss of an objective's own layers, which know nothing yet.
    before = task.probe is not None and not ready.checkpoint.fresh and not output.checkpoint
    if before:
        task.probed_at |= {0}
    if processes.is_main_process:
        # Only now is it known that there is something to put there; what an earlier run left goes first.
        claim_output(output, settings)
        write_skipped(corpus.skipped, output.directory / "skipped.csv")
        store_length(length, output.checkpoints, corpus.fingerprint)
        if lesson.keep and not output.checkpoint:
            lesson.keep(output.checkpoints)
    processes.wait_for_everyone()
    if processes.is_main_process and not settings.quiet:
        show_plan(_plan(ready, lesson, task, length, settings, output))
    taught = teach(
        lesson.module,
        task,
        train,
        batches,
        length,
        settings,
        output,
        recipe=recipe,
        processes=processes,
        config=ready.config,
        shown=_SHOWN,
        callbacks=(*([lesson.guard] if lesson.guard else []), *lesson.callbacks),
        before=before,
    )
    give_back()
    if taught.interrupted:
        raise KeyboardInterrupt
    if not processes.is_main_process:
        return {}

    if taught.weights is not None:
        lesson.module.load_state_dict(taught.weights, strict=False)
    directory = output.directory
    encoder = ready.encoder.cpu()
    save_encoder(encoder, ready.checkpoint.feature_extractor, directory)
    verify_encoder(directory, encoder, _first_clips(judged))
    if taught.before is not None and taught.best is not None and taught.best >= taught.before:
        told = f"{100 * taught.before:.1f} % before, {100 * taught.best:.1f} % at best since"
        print(f"warning: the probe finds the encoder no better than it was: {told}", file=sys.stderr, flush=True)
    results = gather_pretraining(settings, ready, lesson, task, train, length, taught)
    # The picture is not worth the run, should somebody have removed the log.
    with contextlib.suppress(SpeechError, OSError):
        draw_curves(directory / "log.jsonl", directory / "training.svg")
    write_encoder_card(directory, results)
    # Whoever repeats the run takes the steps and the precision that were measured here.
    resolved = replace(settings, max_minutes=None, epochs=None, max_steps=length.steps, precision=length.precision)
    write_yaml(resolved, directory / "run.yaml")
    write_json(results, directory / "results.json")  # last: a directory that has it is complete
    shutil.rmtree(output.checkpoints, ignore_errors=True)
    results["output"] = str(directory)  # told, not stored: results.json travels
    return results


def _first_clips(clips: Clips) -> list[np.ndarray]:
    """Some to compare encoders by, without those that have gone since: what is trained must not be lost by that."""
    found = []
    for at in range(min(_VERIFIED, len(clips.rows))):
        with contextlib.suppress(BadAudio):
            found.append(clips.load(at))
    return found


def _probe(ready: Ready, processes: PartialState) -> Probe | None:
    """A probe on some minutes of labelled clips, of a large model on a CPU a sixth; None where there are too few."""
    whole = is_small(ready.fit.cost.parameters) or processes.device.type == "cuda"
    return draw_probe(ready.corpus, PROBED_SECONDS * (1 if whole else 1 / 6), ready.checkpoint.feature_extractor)


def _plan(
    ready: Ready, lesson: Lesson, task: Pretraining, length: Length, settings: PretrainSettings, output: Output
) -> list[tuple[str, str]]:
    cost, recipe, corpus = ready.fit.cost, ready.fit.recipe, lesson.corpus
    much = f"{amount(corpus.train, 'training')}, {amount(lesson.validation, 'validation')}"
    origin = "random weights" if ready.checkpoint.fresh else "pretrained"
    gain = f" (bfloat16 is {length.gain:.1f} x as fast here)" if length.gain else ""
    probe = task.probe
    decides = (
        f"letter error of a linear layer on {sum(probe.train.seconds) / 60:.1f} min of transcripts, asked "
        f"{len(task.probed_at)} times"
        if probe
        else f"the validation loss (a probe wants {LEAST_PROBED} clips with transcripts in training and in validation)"
    )
    return [
        ("device", machine()),
        (
            "model",
            f"{settings.begins_as} ({origin}), {cost.parameters / 1e6:.1f} M parameters, "
            f"{cost.multiply_adds / 1e9:.2g} G multiply-adds a second of audio",
        ),
        ("objective", settings.objective),
        *lesson.told,
        ("data", f"{much}; {len(corpus.skipped)} rows skipped"),
        *(("", note) for note in corpus.notes),
        ("decides", decides),
        ("steps", f"{length.steps} of {recipe.batch_seconds:g} s (fixed by --{length.stopped_by.replace('_', '-')})"),
        ("rate", f"{recipe.rates.encoder:g}, --optimizer {recipe.optimiser}"),
        ("augmentation", f"--augment {','.join(map(str, recipe.augment)) or 'none'}"),
        ("precision", f"--precision {length.precision}{gain}"),
        (
            "time",
            f"about {clock(length.seconds)} of training" if length.seconds else "not measured; the steps are given",
        ),
        ("memory", tell_memory(ready.fit, "lower --max-seconds, or take a smaller model")),
        ("disk", f"{size(cost.disk)} while training"),
        ("output", str(output.directory)),
    ]

"""The fine-tuning stage: settings, a checkpoint and a corpus in, a directory with a model that stands alone out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from hf_speech_tl.corpora import samples
from hf_speech_tl.errors import DataError
from hf_speech_tl.publishing import check_login, push, write_card
from hf_speech_tl.publishing.save import save_model, verify_saved
from hf_speech_tl.settings import FinetuneSettings
from hf_speech_tl.stages.course import Course, follow, lay_out
from hf_speech_tl.stages.judgement import judge, load_recogniser
from hf_speech_tl.stages.output import Output, claim_output
from hf_speech_tl.stages.plan import clock, show_plan, size
from hf_speech_tl.stages.preparation import Prepared, prepare
from hf_speech_tl.stages.results import gather_results

_VERIFIED = 8  # test clips


def run(settings: FinetuneSettings) -> dict[str, object]:
    """Fine-tune, save, score and verify; returns what results.json holds (nothing on processes other than the first).

    Raises SettingsError, DataError or RunError, and KeyboardInterrupt after Ctrl-C, when a checkpoint has been saved.
    """
    processes = PartialState(cpu=not torch.cuda.is_available())
    if settings.push_to_hub is not None:
        check_login()  # before hours of training, not after
    claimed = [claim_output(settings) if processes.is_main_process else None]
    output: Output = broadcast_object_list(claimed)[0]  # the default name holds the time, which differs by process
    prepared = prepare(settings, output, processes)
    if not len(prepared.corpus.test):
        raise DataError("there is no test utterance left to score the model on.")
    course = lay_out(prepared, settings, output, processes)
    if processes.is_main_process and not settings.quiet:
        show_plan(_plan(prepared, course, settings, output.directory))
    trained = follow(course, prepared, settings, output, processes)
    if trained.interrupted:
        raise KeyboardInterrupt(str(output.directory))
    if not processes.is_main_process:
        return {}

    base = None if prepared.checkpoint.fresh or Path(settings.model).exists() else settings.model
    save_model(
        trained.model.cpu(), prepared.vocabulary, prepared.checkpoint.feature_extractor, output.directory, base=base
    )
    # From here on everything is said of the files that others will load, in float32.
    saved, vocabulary = load_recogniser(str(output.directory))
    test = prepared.corpus.test
    after = judge(saved, vocabulary, test, split="test", spaced=prepared.spaced, seed=settings.seed)
    results = gather_results(settings, prepared, course, trained, after.scores, base=base)
    (output.directory / "results.json").write_text(json.dumps(results, ensure_ascii=False, indent=2) + "\n", "utf-8")
    write_card(output.directory, results)
    shutil.rmtree(output.checkpoints)
    verify_saved(output.directory, [samples(test[at]["audio"]) for at in range(min(_VERIFIED, len(test)))])
    if settings.push_to_hub is not None:
        wanted = None if settings.push_to_hub == "auto" else settings.push_to_hub
        results["pushed_to"] = push(output.directory, wanted, private=settings.private)
    results["output"] = str(output.directory)  # told, not stored: results.json travels
    return results


def _plan(prepared: Prepared, course: Course, settings: FinetuneSettings, directory: Path) -> list[tuple[str, str]]:
    cost, recipe, length, corpus = prepared.cost, prepared.recipe, course.length, prepared.corpus
    hours = [f"{sum(rows['seconds'][:]) / 3600:.2f}" for rows in (corpus.train, corpus.validation, corpus.test)]
    unseen = prepared.vocabulary.unknown([*corpus.validation["transcript"][:], *corpus.test["transcript"][:]])
    origin = "random weights" if prepared.checkpoint.fresh else "pretrained"
    head = f"{len(prepared.vocabulary)} symbols, {len(prepared.carried)} of them kept from the checkpoint"
    if unseen:
        head += f"; never in training: {' '.join(unseen[:12])}{' ...' if len(unseen) > 12 else ''} ({len(unseen)})"
    return [
        ("model", f"{settings.model} ({origin}), {cost.parameters / 1e6:.1f} M parameters"),
        ("trained", f"{cost.trained / 1e6:.1f} M parameters (--tuning {settings.tuning})"),
        ("symbols", f"{head} (--units {settings.units})"),
        (
            "data",
            f"{hours[0]} h training, {hours[1]} h validation, {hours[2]} h test; {len(corpus.skipped)} rows skipped",
        ),
        *(("", note) for note in corpus.notes),
        ("steps", f"{length.steps} of {recipe.batch_seconds:g} s (fixed by --{length.stopped_by.replace('_', '-')})"),
        ("rates", f"encoder {recipe.rates.encoder:g}, head {recipe.rates.head:g}, --optimizer {recipe.optimiser}"),
        ("augmentation", ", ".join(recipe.augment) or "none"),
        ("flat start", f"{recipe.flat_start:.0%} of the run" if recipe.flat_start else "none"),
        ("precision", length.precision),
        ("time", f"about {clock(length.seconds)} of training"),
        ("memory, disk", f"{size(cost.memory)} and the activations; {size(cost.disk)} while training"),
        ("output", str(directory)),
    ]

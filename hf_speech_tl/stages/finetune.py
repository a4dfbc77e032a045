"""The fine-tuning stage: settings, a checkpoint and a corpus in, a directory with a model that stands alone out."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import torch
from accelerate import PartialState

from hf_speech_tl.corpora import Corpus, write_skipped
from hf_speech_tl.languages import find_language
from hf_speech_tl.models import base_of, hears_padding
from hf_speech_tl.publishing.save import save_model
from hf_speech_tl.settings import FinetuneSettings
from hf_speech_tl.stages.conclusion import complete_directory, hand_over
from hf_speech_tl.stages.course import Course, follow, lay_out
from hf_speech_tl.stages.judgement import judge, load_recogniser
from hf_speech_tl.stages.origins import tell_origins, write_origins
from hf_speech_tl.stages.preparation import Prepared, judge_start, prepare
from hf_speech_tl.stages.reading import hear_after_training
from hf_speech_tl.stages.results import gather_results
from hf_speech_tl.stages.runs.length import store_length
from hf_speech_tl.stages.runs.memory import give_back, tell_memory
from hf_speech_tl.stages.runs.output import Output, check_space, claim_output, find_output
from hf_speech_tl.stages.runs.plan import amount, clock, machine, show_plan, size
from hf_speech_tl.stages.runs.preset import choose_preset
from hf_speech_tl.stages.runs.processes import agree, check_launch, join_processes, told_once
from hf_speech_tl.stages.runs.recipe import Recipe
from hf_speech_tl.training import Clips, language_shares, latest

_SMALLER = "lower --max-seconds or --keep-layers, or use --tuning lora"


def run(settings: FinetuneSettings, *, times: int = 1) -> dict[str, object]:
    """Fine-tune, save, score and verify; returns what results.json holds (nothing on processes other than the first).

    times: how many runs such as this one the plan is told for, 0 where it was told before. Raises SettingsError,
    DataError or RunError, and KeyboardInterrupt after Ctrl-C, when a checkpoint has been saved.
    """
    processes = join_processes()
    # The first process decides: the others may see another network, and the default directory's name holds the time.
    settings, told, output = agree(processes, lambda: _decide(settings, processes))
    if told and processes.is_main_process and not settings.quiet:
        show_plan(told)  # before anything is fetched
    with told_once(processes, lambda: str(output.directory) if latest(output.checkpoints) else ""):
        return _run(settings, output, processes, times)


def _decide(
    settings: FinetuneSettings, processes: PartialState
) -> tuple[FinetuneSettings, list[tuple[str, str]], Output]:
    settings, told = choose_preset(settings, gpu=torch.cuda.is_available())
    output = find_output(settings)
    if output.checkpoint:
        check_launch(output.checkpoint, processes)
    return settings, told, output


def _run(settings: FinetuneSettings, output: Output, processes: PartialState, times: int) -> dict[str, object]:
    prepared = prepare(settings, processes)
    agree(processes, lambda: check_space(output, disk_of(prepared, times)))
    course = lay_out(prepared, settings, output, processes)
    agree(processes, lambda: check_space(output, disk_of(prepared, times), *course.stored))
    prepared = replace(prepared, corpus=course.corpus)
    if processes.is_main_process:
        # Only now is it known that there is something to put there; what an earlier run left goes first.
        claim_output(output, settings)
        write_skipped(prepared.corpus.skipped, output.directory / "skipped.csv")
        write_origins(prepared.inheritance, output.directory / "head.csv")
        store_length(course.length, output.checkpoints, prepared.corpus.fingerprint)
    processes.wait_for_everyone()
    if processes.is_main_process and times and not settings.quiet:
        show_plan(plan_rows(prepared, course, settings, output.directory, times))
    trained = follow(course, prepared, settings, output, processes)
    give_back()
    if trained.taught.interrupted:
        raise KeyboardInterrupt
    if not processes.is_main_process:
        return {}

    directory = output.directory
    base = base_of(settings.model, fresh=prepared.checkpoint.fresh)
    save_model(trained.model.cpu(), prepared.vocabulary, prepared.checkpoint.feature_extractor, directory, base=base)
    prepared = replace(prepared, corpus=hear_after_training(prepared.corpus, quiet=settings.quiet))
    write_skipped(prepared.corpus.skipped, directory / "skipped.csv")
    test = prepared.corpus.test
    before = judge_start(prepared, settings, processes.device)
    # From here on everything is said of the files that others will load, in float32.
    saved, vocabulary = load_recogniser(str(directory))
    after = judge(saved, vocabulary, test, split="test", units=settings.units)
    results = gather_results(settings, prepared, course, trained, after.scores, before=before, base=base)
    steps, precision = course.length.steps, course.length.precision
    complete_directory(directory, settings, results, saved, vocabulary, test, steps=steps, precision=precision)
    shutil.rmtree(output.checkpoints, ignore_errors=True)
    return hand_over(directory, settings, results)


def plan_rows(
    prepared: Prepared, course: Course, settings: FinetuneSettings, directory: Path, times: int = 1
) -> list[tuple[str, str]]:
    """The plan of a training run that is laid out, as show_plan takes it; times: as `run` has it."""
    cost, recipe, length, corpus = prepared.cost, prepared.recipe, course.length, prepared.corpus
    splits = ((corpus.train, "training"), (corpus.validation, "validation"), (corpus.test, "test"))
    much = ", ".join(amount(rows, what) for rows, what in splits)
    unseen = prepared.vocabulary.unknown([*corpus.validation["transcript"][:], *corpus.test["transcript"][:]])
    rank = f" --lora-rank {prepared.rank}" if settings.tuning == "lora" else ""
    kept = f" (--keep-layers {settings.keep_layers})" if settings.keep_layers else ""
    frozen = f" --freeze-layers {settings.freeze_layers}" if settings.freeze_layers else ""
    gain = f" (bfloat16 is {length.gain:.1f} x as fast here)" if length.gain else ""
    weights = zip(corpus.names, corpus.weights, strict=True) if corpus.weighted else ()
    sources = set(corpus.train["source"][:])
    early = f", fewer where they are learnt by heart (--patience {recipe.patience})" if recipe.patience else ""
    origin = "random weights" if prepared.checkpoint.fresh else "pretrained"
    head = str(len(prepared.vocabulary))
    if unseen:
        head += f"; never in training: {' '.join(unseen[:12])}{' ...' if len(unseen) > 12 else ''} ({len(unseen)})"
    return [
        ("device", machine()),
        (
            "model",
            f"{settings.model} ({origin}), {cost.parameters / 1e6:.1f} M parameters, "
            f"{cost.multiply_adds / 1e9:.2g} G multiply-adds a second of audio{kept}",
        ),
        ("trained", f"{cost.trained / 1e6:.1f} M parameters (--tuning {settings.tuning}{rank}{frozen})"),
        ("symbols", f"{head} (--units {settings.units})"),
        *tell_origins(prepared.inheritance, prepared.checkpoint),
        ("data", f"{much}; {len(corpus.skipped)} rows skipped"),
        *(
            ("", f"an epoch has {name} x {weight:g}" if name in sources else f"{name} has no training row of its own")
            for name, weight in weights
        ),
        *(("", line) for line in _languages(corpus, settings)),
        *(("", note) for note in corpus.notes),
        *(("", note) for note in _warnings(prepared)),
        (
            "steps",
            f"{length.steps} of {recipe.batch_seconds:g} s (fixed by --{length.stopped_by.replace('_', '-')}){early}",
        ),
        ("rates", f"encoder {recipe.rates.encoder:g}, head {recipe.rates.head:g}, --optimizer {recipe.optimiser}"),
        ("augmentation", _augmentation(recipe)),
        ("precision", f"--precision {length.precision}{gain}"),
        ("time", _time(course, times)),
        *([("kept", _kept(course.train, settings.cache))] if course.train.features else []),
        ("memory", tell_memory(course.fit, _SMALLER)),
        ("disk", f"{size(disk_of(prepared, times))} while training{_cached(course)}"),
        ("output", str(directory)),
    ]


def _languages(corpus: Corpus, settings: FinetuneSettings) -> list[str]:
    """What is trained of each language, where there are several; and where their scripts come together."""
    spoken = {tag: find_language(tag) for tag in corpus.languages}
    if len(spoken) == 1:
        return []
    shares = language_shares(corpus, settings.temperature)
    told = [
        f"{spoken[tag].name} ({tag}): {clock(3600 * share.hours)} training, {share.share:.0%} of an epoch"
        for tag, share in shares.items()
    ]
    told[-1] += f" (--temperature {settings.temperature:g})"
    if silent := [tag for tag in spoken if tag not in shares]:
        told.append(f"nothing to train on in {', '.join(silent)}")
    if unjudged := [tag for tag in spoken if tag not in set(corpus.test["lang"][:])]:
        told.append(f"nothing to test on in {', '.join(unjudged)}")
    sources = zip(corpus.names, corpus.languages, strict=True)
    scripts = sorted({spoken[tag].script for name, tag in sources if name not in corpus.written})
    if settings.units == "char" and len(scripts) > 1:
        told.append(f"the symbols of {' and '.join(scripts)} side by side; --units romanized has one set for all")
    return told


def _kept(train: Clips, cache: str) -> str:
    assert train.features
    share = train.size_kept / train.size
    much = "all" if share == 1 else f"{share:.0%}"
    place = "in memory" if cache == "memory" else f"in memory, and on disk in {cache}"
    end = train.features.frozen.end
    return f"what {end} makes of the training clips: {size(train.size)}, {much} of it {place} (--cache)"


def _cached(course: Course) -> str:
    cache, kept = course.stored
    return f", and up to {size(kept)} in {cache} (--cache)" if kept else ""


def _augmentation(recipe: Recipe) -> str:
    told = f"--augment {','.join(map(str, recipe.augment)) or 'none'}"
    told += "".join(f"; {one.share:.3g} of the frames masked" for one in recipe.augment if one.name == "mask")
    if recipe.consistency:
        told += (
            f"; --consistency {recipe.consistency:g}: two views of each utterance, twice the audio of a step computed"
        )
    return told


def _time(course: Course, times: int) -> str:
    seconds = course.length.seconds
    if seconds is None:
        return "not measured; the steps are given" + (f", for each of {times} seeds" if times > 1 else "")
    of_all = f", {clock(times * seconds)} for {times} seeds" if times > 1 else ""
    return f"about {clock(seconds)} of training{of_all}"


def disk_of(prepared: Prepared, times: int = 1) -> int:
    """Bytes that so many runs take at their fullest: one that trains, with an average of its weights in each checkpoint
    where there is one, and the models of those before it."""
    averages = 3 * prepared.cost.gradients if prepared.recipe.averaged else 0  # each as large as the gradients
    return prepared.cost.disk + averages + max(0, times - 1) * prepared.cost.weights


def _warnings(prepared: Prepared) -> list[str]:
    if hears_padding(prepared.checkpoint.model.config):
        return ["this model hears padding too: batches depend a little on what they are made of; scored clip by clip"]
    return []

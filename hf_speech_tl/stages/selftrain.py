"""The self-training stage: a recogniser and recordings without transcripts in, a better recogniser out, or the same.

Pseudo-labels (Lee 2013) in rounds, as iterative pseudo-labelling (Xu et al. 2020, arXiv:2005.09267) has them, with a
student that hears changed audio, as noisy student training (Xie et al. 2020, arXiv:1911.04252) has it.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from accelerate import PartialState

from hf_speech_tl.corpora import find_spoken, write_skipped
from hf_speech_tl.errors import RunError, SettingsError, named_by
from hf_speech_tl.languages import check_units
from hf_speech_tl.models import (
    Checkpoint,
    Vocabulary,
    Writing,
    base_of,
    cost_of,
    is_of_starter,
    read_config,
    read_writing,
)
from hf_speech_tl.publishing.save import save_model
from hf_speech_tl.scoring import Scores, compare
from hf_speech_tl.settings import EMA, TEACHER, SelftrainSettings
from hf_speech_tl.stages.conclusion import complete_directory, hand_over
from hf_speech_tl.stages.judgement import judge, judge_saved, load_recogniser
from hf_speech_tl.stages.material import Pool, read_pool
from hf_speech_tl.stages.readiness import known_as
from hf_speech_tl.stages.reading import hear_after_training
from hf_speech_tl.stages.runs.length import check_data
from hf_speech_tl.stages.runs.memory import give_back
from hf_speech_tl.stages.runs.output import Output, claim_output, find_output, remove_model, unfinished, write_json
from hf_speech_tl.stages.runs.plan import amount, machine, show_plan
from hf_speech_tl.stages.runs.processes import agree, first_then_others, is_sharded, join_processes, told_once
from hf_speech_tl.stages.student import Round, complete_round, student_model, train_student
from hf_speech_tl.training import Part, as_part


@dataclass(frozen=True)
class _Rounds:
    """teacher: the first teacher's validation scores; done: what results.json of each round says; best: the number of
    the round with the lowest validation CER, 0 where no student was better than the first teacher."""

    teacher: Scores
    done: list[dict[str, Any]]
    best: int


def run(settings: SelftrainSettings) -> dict[str, object]:
    """Self-train, score and verify; returns what results.json holds (nothing on processes other than the first).

    Raises SettingsError, DataError or RunError, and KeyboardInterrupt after Ctrl-C, when a checkpoint has been saved.
    """
    processes = join_processes()
    output = agree(processes, lambda: find_output(settings))
    decided = agree(processes, lambda: _decide(settings, sharded=is_sharded(processes)))
    with told_once(processes, lambda: str(output.directory) if unfinished(output.directory) else ""):
        pool, teacher = _begin(decided, output, processes, asked=settings)
        give_back()
        if processes.is_main_process and not settings.quiet:
            show_plan(_plan(pool, decided, teacher, output.directory))
        rounds = _follow(teacher, pool, decided, output, processes)
        return _conclude(rounds, pool, decided, output) if processes.is_main_process else {}


def _decide(settings: SelftrainSettings, *, sharded: bool) -> SelftrainSettings:
    """The settings with the units that the teacher writes. SettingsError for what FSDP, if it is used, cannot do."""
    if sharded and settings.teacher == EMA:
        raise SettingsError(
            f"--teacher {EMA}: no process has all weights to average under FSDP; allowed with it: last; drop it, or "
            "launch without FSDP"
        )
    known = read_writing(settings.model) or Writing(settings.lang)
    units = settings.units or known.units
    for spoken in find_spoken(settings.data, settings.lang):
        check_units(units, spoken)
    return replace(settings, units=units, simplify=settings.simplify or known.simplify)


def _begin(
    settings: SelftrainSettings, output: Output, processes: PartialState, *, asked: SelftrainSettings
) -> tuple[Pool, Scores]:
    """What is learnt from, and the first teacher's validation scores; the directory is claimed with the settings that
    were asked for, which those of a run that goes on are compared with."""
    teacher, vocabulary = load_recogniser(settings.model)
    with named_by("--student"):  # of the teacher's own there is no doubt any more
        config = read_config(student_model(settings, settings.model))
    pool = first_then_others(processes, lambda: read_pool(settings, config, vocabulary, told=processes.is_main_process))

    def score() -> Scores:
        rows = pool.labelled.validation
        return judge(teacher, vocabulary, rows, split="validation", units=str(settings.units)).scores

    def claim() -> Scores:
        claim_output(output, asked)
        return _first_scores(output.rounds / "begun.json", pool.fingerprint, score)

    return pool, agree(processes, claim)


def _first_scores(path: Path, fingerprint: str, score: Callable[[], Scores]) -> Scores:
    """The first teacher's validation scores, kept with what data they are of: a run that goes on must not go on with
    others."""
    if path.is_file():
        try:
            begun = json.loads(path.read_text("utf-8"))
            data, teacher = begun["data"], cast("Scores", begun["teacher"])
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path}: is damaged ({error!r}). Bring it back, or begin anew with --overwrite.") from error
        check_data(data, fingerprint)
        return teacher
    scores = score()
    path.parent.mkdir(exist_ok=True)
    write_json({"data": fingerprint, "teacher": scores}, path)
    return scores


def _follow(
    teacher: Scores, pool: Pool, settings: SelftrainSettings, output: Output, processes: PartialState
) -> _Rounds:
    """Round after round, until the validation CER no longer falls."""
    done: list[dict[str, Any]] = []
    best, lowest = 0, teacher["cer"]["value"]
    for number in range(1, settings.rounds + 1):
        directory = output.rounds / str(number)
        length = (done[0]["training"]["steps"], done[0]["training"]["precision"]) if done else None
        taught_by = str(output.rounds / str(best)) if best else settings.model
        this = Round(number, taught_by, directory, length)
        complete = agree(processes, lambda directory=directory: complete_round(directory))  # type: ignore[misc]
        name = f"round {number} of at most {settings.rounds}"
        with as_part(Part(name, (number - 1) / settings.rounds, number / settings.rounds)):
            results: dict[str, Any] | None = complete or train_student(this, pool, settings, processes)
        if results is None:
            break
        done.append(results)
        error = results["after"]["cer"]["value"]
        if processes.is_main_process and not settings.quiet:
            print(
                f"round {number}: validation CER {100 * error:.1f} %, {100 * lowest:.1f} % before it", file=sys.stderr
            )
        if error >= lowest:
            break
        if best and processes.is_main_process:
            remove_model(output.rounds / str(best))  # nobody's teacher any more
        best, lowest = number, error
    return _Rounds(teacher, done, best)


def _conclude(rounds: _Rounds, pool: Pool, settings: SelftrainSettings, output: Output) -> dict[str, object]:
    """Save the best model, score it and the first teacher on the test split, and write all that a run leaves."""
    directory, units = output.directory, str(settings.units)
    source = output.rounds / str(rounds.best)
    first = rounds.done[max(0, rounds.best - 1)]
    best, vocabulary = load_recogniser(str(source) if rounds.best else settings.model)
    save_model(best.model.cpu(), vocabulary, best.feature_extractor, directory, base=None)
    if rounds.best:
        shutil.copyfile(source / "log.jsonl", directory / "log.jsonl")
    labelled = hear_after_training(pool.labelled, quiet=settings.quiet)
    write_skipped((*labelled.skipped, *pool.unlabelled.skipped), directory / "skipped.csv")
    test = labelled.test
    # From here on everything is said of the files that others will load, in float32.
    saved, vocabulary = load_recogniser(str(directory))
    after = judge(saved, vocabulary, test, split="test", units=units)
    before = after
    if rounds.best:
        before = judge_saved(settings.model, test, split="test", units=units)
    results: dict[str, Any] = {key: value for key, value in first.items() if key != "round"}
    results |= {"command": settings.command_line(), "before": before.scores, "after": after.scores}
    # What it cost, however many rounds; the rest of it is of the round that is kept.
    for key in ("seconds", "evaluation_seconds"):
        results["training"][key] = round(sum(one["training"].get(key, 0.0) for one in rounds.done), 1)
    results["model"]["name"] = known_as(settings.model)
    if not rounds.best:
        results["model"] |= _described(saved, vocabulary)
    if not rounds.best or settings.student == TEACHER:  # a later round knows as its base the round before it
        base, starter = base_of(settings.model, fresh=False), is_of_starter(settings.model, fresh=False)
        results["model"] |= {"fresh": False, "base_model": base, "starter": starter}
    results["selftraining"] = {
        "best_round": rounds.best,
        "teacher": settings.teacher,
        "student": known_as(settings.student),
        "keep": min(1.0, settings.keep),
        "min_confidence": settings.min_confidence,
        "length_ratio": settings.length_ratio,
        "trust": settings.trust,
        "unlabelled": list(pool.unlabelled.names),
        "unlabelled_hours": round(sum(pool.unlabelled.train["seconds"][:]) / 3600, 4),
        "teacher_validation_cer": rounds.teacher["cer"],
        "rounds": [one["round"] | {"validation_cer": one["after"]["cer"]} for one in rounds.done],
        "gain": compare(after.edits, before.edits, after.spaced, test["speaker"][:]),
    }
    steps, precision = rounds.done[0]["training"]["steps"], rounds.done[0]["training"]["precision"]
    complete_directory(directory, settings, results, saved, vocabulary, test, steps=steps, precision=precision)
    for one in rounds.done:
        remove_model(output.rounds / str(one["round"]["number"]))
    return hand_over(directory, settings, results)


def _described(teacher: Checkpoint, vocabulary: Vocabulary) -> dict[str, object]:
    """What results.json says of a model that stays as it was, instead of what it says of a student."""
    cost = cost_of(teacher.model)
    return {
        "family": teacher.model.config.model_type,
        "parameters": cost.parameters,
        "multiply_adds_per_second": round(cost.multiply_adds),
        "layers_kept": None,
        "symbols": len(vocabulary),
        "head": {},
    }


def _plan(pool: Pool, settings: SelftrainSettings, teacher: Scores, directory: Path) -> list[tuple[str, str]]:
    labelled, unlabelled = pool.labelled, pool.unlabelled
    splits = ((labelled.train, "training"), (labelled.validation, "validation"), (labelled.test, "test"))
    trusted = "their confidence" if settings.trust == "confidence" else "all alike"
    return [
        ("device", machine()),
        ("teacher", f"{settings.model}, validation CER {100 * teacher['cer']['value']:.1f} %"),
        ("student", f"--student {settings.student}, --units {settings.units}, {len(pool.vocabulary)} symbols"),
        ("data", ", ".join(amount(rows, what) for rows, what in splits)),
        ("unlabelled", f"{amount(unlabelled.train, 'to be written down')}; {len(unlabelled.skipped)} rows skipped"),
        *(("", note) for note in unlabelled.notes),
        (
            "kept",
            f"--keep {min(1.0, settings.keep):g}, --min-confidence {settings.min_confidence:g}, --length-ratio "
            f"{settings.length_ratio:g}; the loss counts {trusted} (--trust)",
        ),
        ("rounds", f"{settings.rounds} at most, while the validation CER falls; --teacher {settings.teacher}"),
        ("output", str(directory)),
    ]

"""One round of self-training: a teacher writes the pool down, and a student learns from it and the labelled data."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, fields
from pathlib import Path

from accelerate import PartialState

from hf_speech_tl.audio import RATE
from hf_speech_tl.errors import DataError, named_by
from hf_speech_tl.models import base_of, frame_count, read_config
from hf_speech_tl.publishing.save import save_model
from hf_speech_tl.settings import EMA, TEACHER, FinetuneSettings, SelftrainSettings
from hf_speech_tl.stages.course import follow, lay_out
from hf_speech_tl.stages.finetune import disk_of, plan_rows
from hf_speech_tl.stages.judgement import judge, load_recogniser
from hf_speech_tl.stages.material import Pool, mix
from hf_speech_tl.stages.preparation import prepare
from hf_speech_tl.stages.pseudo_labels import PseudoLabel, choose, read_labels, reasons_of, write_down, write_labels
from hf_speech_tl.stages.reading import progress_of
from hf_speech_tl.stages.results import gather_results
from hf_speech_tl.stages.runs.length import store_length
from hf_speech_tl.stages.runs.memory import give_back
from hf_speech_tl.stages.runs.output import Output, check_space, write_json
from hf_speech_tl.stages.runs.plan import clock, show_plan
from hf_speech_tl.stages.runs.processes import agree, check_launch
from hf_speech_tl.stages.runs.wholeness import read_results
from hf_speech_tl.stages.teaching import Taught
from hf_speech_tl.training import latest


@dataclass(frozen=True)
class Round:
    """teacher: a directory or a Hub id; directory: where the round's table, log and student lie. length: the steps and
    the precision of the first round, None in it."""

    number: int
    teacher: str
    directory: Path
    length: tuple[int, str] | None

    @property
    def table(self) -> Path:
        """The file of its pseudo-labels."""
        return self.directory / "pseudo_labels.csv"


def student_model(settings: SelftrainSettings, teacher: str) -> str:
    """The model that a student of this teacher begins as."""
    return teacher if settings.student == TEACHER else settings.student


def complete_round(directory: Path) -> dict[str, object] | None:
    """What results.json says of a round that came to its end, None of one that did not. Else RunError."""
    path = directory / "results.json"
    return read_results(path) if path.is_file() else None


def train_student(
    this: Round, pool: Pool, settings: SelftrainSettings, processes: PartialState
) -> dict[str, object] | None:
    """Do a round, or go on with it, and return what its results.json says; its `after` is of the validation split.
    None of a later one where nothing that its teacher wrote is kept.

    The student of the lowest validation error lies in the round's directory then; with --teacher ema it may be the
    average of its weights. Raises DataError where the first has no pseudo-label that is kept, RunError and
    SettingsError as finetune does, and KeyboardInterrupt after Ctrl-C, when a checkpoint has been saved.
    """
    agree(processes, lambda: _label(this, pool, settings))
    labels = read_labels(this.table)
    if not any(label.kept for label in labels):
        reasons = ", ".join(f"{count} {reason}" for reason, count in reasons_of(labels).items())
        said = f"round {this.number}: nothing that the teacher wrote is to be learnt from ({reasons})"
        if this.number > 1:  # the student of the round before is there
            if processes.is_main_process and not settings.quiet:
                print(said, file=sys.stderr)
            return None
        raise DataError(
            f"{said}. Raise --keep or --length-ratio, lower --min-confidence, or begin with a better teacher."
        )
    lesson = lesson_of(this, settings)
    output = agree(processes, lambda: _begin(this, processes))
    averaged = settings.teacher == EMA
    with named_by("--student" if settings.student != TEACHER else "--model"):
        prepared = prepare(lesson, processes, mix(pool, labels), averaged=averaged)
    agree(processes, lambda: check_space(output, disk_of(prepared)))
    course = lay_out(prepared, lesson, output, processes)
    agree(processes, lambda: check_space(output, disk_of(prepared), *course.stored))
    if processes.is_main_process:
        store_length(course.length, output.checkpoints, prepared.corpus.fingerprint)
    processes.wait_for_everyone()
    if processes.is_main_process and not settings.quiet:
        show_plan([("round", f"{this.number} of at most {settings.rounds}"), *_counted(labels)])
        show_plan(plan_rows(prepared, course, lesson, this.directory))
    trained = follow(course, prepared, lesson, output, processes)
    give_back()
    if trained.taught.interrupted:
        raise KeyboardInterrupt

    def finish() -> dict[str, object]:
        base = base_of(lesson.model, fresh=prepared.checkpoint.fresh)
        model = trained.model.cpu()
        save_model(model, prepared.vocabulary, prepared.checkpoint.feature_extractor, this.directory, base=base)
        validation = pool.labelled.validation
        saved, vocabulary = load_recogniser(str(this.directory))
        judged = judge(saved, vocabulary, validation, split="validation", units=lesson.units)
        results = gather_results(lesson, prepared, course, trained, judged.scores, base=base)
        results["round"] = _described(this, labels, trained.taught, course.length.steps)
        write_json(results, this.directory / "results.json")  # last: a round that has it is complete
        shutil.rmtree(output.checkpoints, ignore_errors=True)
        return results

    return agree(processes, finish)


def _label(this: Round, pool: Pool, settings: SelftrainSettings) -> None:
    """Write the round's table, unless it is there."""
    if this.table.is_file():
        return
    this.directory.mkdir(exist_ok=True)
    teacher, vocabulary = load_recogniser(this.teacher)
    with progress_of(f"round {this.number}: writing down", quiet=settings.quiet) as progress:
        labels = write_down(teacher, vocabulary, pool.unlabelled.train, pool.labelled.train, progress)
    config = read_config(student_model(settings, this.teacher))
    labels = choose(labels, settings, pool.vocabulary, lambda seconds: frame_count(config, round(seconds * RATE)))
    write_labels(labels, this.table)
    del teacher
    give_back()


def lesson_of(this: Round, settings: SelftrainSettings) -> FinetuneSettings:
    """The settings of a fine-tuning run that a round is, but for its data."""
    shared = {field.name for field in fields(FinetuneSettings)} & {field.name for field in fields(SelftrainSettings)}
    shared -= {"model", "output", "overwrite", "resume", "push_to_hub", "private", "json"}
    values: dict[str, object] = {name: getattr(settings, name) for name in shared}
    # Rounds are equally long; and a loss that is low tells little where labels are made up.
    values |= {"model": student_model(settings, this.teacher), "output": this.directory, "patience": None}
    if this.length:
        steps, precision = this.length
        values |= {"max_minutes": None, "epochs": None, "max_steps": steps, "precision": precision}
    return FinetuneSettings(**values)  # type: ignore[arg-type]


def _begin(this: Round, processes: PartialState) -> Output:
    """Where the round goes on, or begins: then what a stopped one left is taken away."""
    output = Output(this.directory, latest(this.directory / "checkpoints"))
    if output.checkpoint:
        check_launch(output.checkpoint, processes)
    else:
        shutil.rmtree(output.checkpoints, ignore_errors=True)
        (this.directory / "log.jsonl").unlink(missing_ok=True)
    return output


def _described(this: Round, labels: list[PseudoLabel], taught: Taught, steps: int) -> dict[str, object]:
    kept = [label for label in labels if label.kept]
    kept_seconds, all_seconds = (sum(label.seconds for label in some) for some in (kept, labels))
    return {
        "number": this.number,
        "weights": "average" if taught.is_average else "checkpoint",
        "average_cer": taught.average,
        "hours_kept": round(kept_seconds / 3600, 4),
        "share_kept": round(kept_seconds / all_seconds, 4),
        "rows_kept": len(kept),
        "left_out": reasons_of(labels),
        "mean_confidence": round(sum(label.confidence for label in kept) / len(kept), 4),
        "steps": steps,
        "seconds": round(taught.seconds, 1),
    }


def _counted(labels: list[PseudoLabel]) -> list[tuple[str, str]]:
    kept = [label for label in labels if label.kept]
    much, of_all = (clock(sum(label.seconds for label in some)) for some in (kept, labels))
    sure = sum(label.confidence for label in kept) / len(kept)
    left_out = "; ".join(f"{count} {reason}" for reason, count in reasons_of(labels).items())
    return [
        ("kept", f"{much} of {of_all} ({len(kept)} of {len(labels)}), mean confidence {sure:.2f}"),
        ("left out", left_out or "nothing"),
    ]

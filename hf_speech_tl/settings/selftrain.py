"""The settings of `selftrain`: every option, its default, and where the default comes from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings import data_rows, run_rows, training_rows
from hf_speech_tl.settings.augmentation import Augmentation
from hf_speech_tl.settings.conflicts import refuse_conflicts_of_training
from hf_speech_tl.settings.option import Option, check_values
from hf_speech_tl.settings.run import command_line, place_run
from hf_speech_tl.settings.source import UNITS, Source

TEACHER = "teacher"  # of student: the weights of the round's teacher
EMA = "ema"  # of teacher: the exponential moving average of a student's weights


@dataclass(frozen=True, kw_only=True)
class SelftrainSettings:
    """Train a recogniser further on recordings without transcripts, which it writes down by itself."""

    command: ClassVar[str] = "selftrain"
    examples: ClassVar[tuple[str, ...]] = (
        "--lang it --model runs/first --data transcribed/ --unlabelled recordings/ --max-minutes 60",
        "--lang it --model runs/first --data transcribed/ --unlabelled a/ --unlabelled b/ --keep 0.5 --rounds 1",
        "runs/second/run.yaml --seed 2",
    )

    lang: str = Option("Data", "language as BCP-47 or ISO 639-3, as for finetune", metavar="TAG").required()
    data: tuple[str | Source, ...] = replace(
        data_rows.DATA,
        help="recordings with transcripts, repeatable, as for finetune: the student learns from their training split "
        "too, the validation split decides which round is kept, and the test split says what it was worth",
        shown="",
        why="",
    ).required()
    unlabelled: tuple[str | Source, ...] = Option(
        "Data",
        "recordings to be learnt from without transcripts, repeatable, in any layout; transcripts that are there are "
        "not looked at, and validation and test splits are left out",
        kind=Source,
        many=True,
        metavar="SOURCE",
    ).required()
    text_column: str | None = replace(
        data_rows.TEXT_COLUMN, help="column of --data that holds the transcripts"
    ).default(None)
    tier: str | None = replace(
        data_rows.TIER, help=f"of --data: {data_rows.TIER.help}; of --unlabelled a file of settings says it"
    ).default(None)
    max_seconds: float = data_rows.MAX_SECONDS.default(20.0)
    temperature: float = data_rows.TEMPERATURE.default(1.0)
    units: str | None = Option(
        "Data",
        "what the teacher writes, as for finetune",
        choices=UNITS,
        unset="auto",
        why="as its results.json says, else char",
    ).default(None)
    simplify: bool = Option(
        "Data",
        "Chinese: write traditional characters as simplified",
        kind=bool,
        why="as the teacher's results.json says",
    ).default(False)

    model: str = Option(
        "Model", "the first teacher: directory of a finished run, or a Hub id of a CTC model"
    ).required()
    student: str = Option(
        "Model",
        "what a round's student begins as: teacher (the weights of its teacher), or a model as for finetune's --model",
        metavar="MODEL",
        why="as iterative pseudo-labelling (Xu et al. 2020): it goes on, and needs fewer steps than one begun anew",
    ).default(TEACHER)
    tuning: str = Option(
        "Model",
        "what is trained, as for finetune; LoRA is merged in the model that is kept",
        choices=("full", "lora", "head"),
        why="as finetune",
    ).default("full")

    keep: float = Option(
        "Pseudo-labels",
        "share of what the teacher wrote that is learnt from, the most confident; of what passes the other filters",
        kind=float,
        above=0,
        below=1.000001,
        metavar="SHARE",
        why="untuned; 1 keeps all, as iterative pseudo-labelling does",
    ).default(0.8)
    min_confidence: float = Option(
        "Pseudo-labels",
        "lowest confidence: geometric mean of the probabilities of the symbols written, not calibrated",
        kind=float,
        at_least=0,
        below=1,
        metavar="P",
        why="off; models differ in what theirs means",
    ).default(0.0)
    length_ratio: float = Option(
        "Pseudo-labels",
        "symbols a second may be so many times more, or fewer, than the median of the labelled training split",
        kind=float,
        above=1,
        below=10**6,
        metavar="FACTOR",
        why="untuned; it catches music, silence and stutter",
    ).default(2.0)
    trust: str = Option(
        "Pseudo-labels",
        "what the loss of a pseudo-labelled utterance is multiplied by: its confidence, or nothing (alike); that of a "
        "labelled one counts whole",
        choices=("confidence", "alike"),
        why="doubtful ones teach less",
    ).default("confidence")
    rounds: int = Option(
        "Pseudo-labels",
        "at most so many rounds, each with the last one's student as its teacher; it ends when the validation CER no "
        "longer falls",
        kind=int,
        at_least=1,
        below=1000,
        why="untuned",
    ).default(3)
    teacher: str = Option(
        "Pseudo-labels",
        "what a round's student leaves as the teacher of the next, and as the model in the end: last, its weights of "
        "the lowest validation error; ema, their moving average over its steps, where that has no higher one (mean "
        "teacher, Tarvainen and Valpola 2017)",
        choices=("last", EMA),
        why="what the average is worth was not measured yet",
    ).default("last")

    max_minutes: float | None = replace(
        training_rows.MAX_MINUTES,
        help="train each round so long; of the three lengths whichever ends first; later rounds take the steps of the "
        "first",
    ).default(None)
    max_steps: int | None = replace(training_rows.MAX_STEPS, help="train each round so many steps").default(None)
    epochs: float | None = replace(
        training_rows.EPOCHS, help="go so many times through labelled and pseudo-labelled data in the first round"
    ).default(None)

    batch_seconds: float | None = training_rows.BATCH_SECONDS.default(None)
    learning_rate: float | None = training_rows.LEARNING_RATE.default(None)
    warmup: float = training_rows.WARMUP.default(0.1)
    weight_decay: float = training_rows.WEIGHT_DECAY.default(0.005)
    optimizer: str = training_rows.OPTIMIZER.default("auto")
    dropout: float = training_rows.DROPOUT.default(0.0)
    augment: tuple[Augmentation, ...] | None = replace(
        training_rows.AUGMENT,
        help="changes to the audio that the student hears, while its teacher heard it clean (noisy student, Xie et al. "
        "2020), with commas, or none (docs/augmentation.md)",
    ).default(None)

    gradient_checkpointing: str = run_rows.GRADIENT_CHECKPOINTING.default("auto")
    precision: str = run_rows.PRECISION.default("auto")
    cache: str = run_rows.CACHE.default("memory")
    seed: int = run_rows.SEED.default(0)
    output: Path | None = run_rows.OUTPUT.default(None)  # noqa: RUF009 (makes a field)
    overwrite: bool = run_rows.OVERWRITE.default(False)
    resume: str | None = run_rows.RESUME.default(None)

    report_to: tuple[str, ...] = run_rows.REPORT_TO.default(())
    push_to_hub: str | None = run_rows.PUSH_TO_HUB.default(None)
    private: bool = run_rows.PRIVATE.default(False)
    json: bool = run_rows.JSON.default(False)
    quiet: bool = run_rows.QUIET.default(False)

    def __post_init__(self) -> None:
        """Check each value, then what goes together; name the directory of the run."""
        check_values(self)
        refuse_conflicts_of_training(self)
        if any(isinstance(source, Source) and source.mix is not None for source in self.data):
            raise SettingsError(
                "data: `mix` is a share of what has transcripts, and --unlabelled comes beside it; allowed: a weight"
            )
        place_run(self, f"{self.lang}-{Path(self.model).name}-selftrain")

    def command_line(self) -> str:
        """The command that asks for these settings, defaults left out."""
        return command_line(self)

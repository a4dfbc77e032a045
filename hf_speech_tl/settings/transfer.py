"""The settings of `transfer`: every option, its default, and where the default comes from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from hf_speech_tl.settings import data_rows, run_rows, training_rows
from hf_speech_tl.settings.command_line import spell
from hf_speech_tl.settings.option import Option, check_values
from hf_speech_tl.settings.preset import AUTO
from hf_speech_tl.settings.run import as_file_name, find_resumed
from hf_speech_tl.settings.source import UNITS, Source
from hf_speech_tl.settings.stage import STAGES, Stage
from hf_speech_tl.settings.transfer_conflicts import refuse_conflicts_of_transfer


@dataclass(frozen=True, kw_only=True)
class TransferSettings:
    """Train on languages with much speech, then on one with little; each stage a directory that stands alone."""

    command: ClassVar[str] = "transfer"
    examples: ClassVar[tuple[str, ...]] = (
        "--source es=espanol/ --source it=italiano/ --target pl=polski/ --max-minutes 20",
        "--source ru=russkij/ --target it=italiano/ --unlabelled untranscribed/ --stages pretrain,source,target",
        "--source de=deutsch/ --target nl=nederlands/ --max-minutes 10 --ablate --seeds 3",
        "--source de=deutsch/ --source es=espanol/ --target pl=polski/ --recommend",
        "--model runs/first --target quw=fieldwork/ --stages target",
        "runs/es-it-to-pl-auto/run.yaml --resume runs/es-it-to-pl-auto",
    )

    source: tuple[str | Source, ...] | None = Option(
        "Data",
        "LANG=SOURCE, recordings with transcripts in a language to learn from first, repeatable, for one language or "
        "several; SOURCE is what finetune takes as --data, in YAML also {source: ..., lang: ..., weight: 2}",
        kind=Source,
        many=True,
        metavar="LANG=SOURCE",
        unset="none",
        why="the stage `source` needs one",
    ).default(None)
    target: tuple[str | Source, ...] = Option(
        "Data",
        "LANG=SOURCE, recordings with transcripts in the language that the model is for; repeatable, for one language",
        kind=Source,
        many=True,
        metavar="LANG=SOURCE",
    ).required()
    unlabelled: tuple[str | Source, ...] | None = Option(
        "Data",
        "more recordings to pretrain on and to self-train on, whose transcripts may be missing; repeatable, in the "
        "target's language unless LANG= says otherwise",
        kind=Source,
        many=True,
        metavar="SOURCE",
        unset="none",
        why="the stage `selftrain` needs some; `pretrain` hears the target's recordings in any case",
    ).default(None)
    tier: str | None = replace(
        data_rows.TIER,
        help=f"of --target, of what --mix adds to it, and of --unlabelled in `pretrain`: {data_rows.TIER.help}",
    ).default(None)
    source_units: str = Option(
        "Data",
        "what is written in the stage `source`, as finetune's --units",
        choices=UNITS,
        why="one set of symbols for all languages, whatever their scripts",
    ).default("romanized")
    units: str = Option(
        "Data",
        "what is written in the end, as finetune's --units",
        choices=UNITS,
        why="what people read, and what published error rates count",
    ).default("char")
    temperature: float = replace(
        data_rows.TEMPERATURE,
        help="of several source languages, balance the stage `source`: each gets a share in proportion to its hours to "
        "the power 1/T; of no account with one",
        why="as XLS-R (Babu et al. 2021)",
    ).default(2.0)
    mix: float = Option(
        "Data",
        "share of the audio of the stage `target` that is of --source, against forgetting; written in --source-units, "
        "and for training alone",
        kind=float,
        at_least=0,
        below=1,
        metavar="SHARE",
        why="off; 0.5 once helped the target too, by 4.6 points of CER (docs/transfer.md)",
    ).default(0.0)
    max_seconds: float = data_rows.MAX_SECONDS.default(20.0)

    stages: tuple[Stage, ...] = Option(
        "Stages",
        "what is done, with commas: pretrain (masked prediction, on the target's recordings), source (fine-tune on "
        "--source), target (fine-tune on --target), selftrain (on --unlabelled, by what the model writes of it); in "
        "YAML also with settings of their commands, such as {source: {max_minutes: 20}, target: {head: fresh}} "
        "(docs/transfer.md)",
        kind=Stage,
        choices=STAGES,
        many=True,
        metavar="LIST",
        shown="source,target",
        why="leave out source for a --model that is fine-tuned already",
    ).default((Stage("source"), Stage("target")))

    ablate: bool = Option(
        "Stages",
        "train without each stage too, and directly on the target alone, and tell what each stage was worth; what is "
        "left out gives its training time to the target, so that none is given less than another",
        kind=bool,
        why="it takes as long again for each stage that is left out",
    ).default(False)
    recommend: bool = Option(
        "Stages",
        "tell which --source promises most for --target by what their transcripts say, and end; with --max-steps N "
        "each first teaches --model for N steps, and what came of that is measured too (docs/recommend.md)",
        kind=bool,
        why="it is a guess",
    ).default(False)
    seeds: int = Option(
        "Stages",
        "with --ablate, do all of it with so many seeds, from --seed on: gains and intervals are then over seeds too",
        kind=int,
        at_least=1,
        below=1000,
        why="each is all of the training again",
    ).default(1)

    model: str = Option(
        "Model",
        "what the first stage begins with: starter, a directory, or a Hub id, as for finetune, also of a model that is "
        "fine-tuned already",
        why="as finetune chooses for the target, by GPU and network; the plan shows it",
    ).default(AUTO)
    head: str = Option(
        "Model",
        "where the rows of the target's symbols begin, in the stage `target`: at those of the source's symbols that "
        "are the same, spelt or sounding alike (docs/head.md), or at random numbers",
        choices=("transfer", "fresh"),
        why="keeps what the source taught the head; on what it gains see docs/head.md",
    ).default("transfer")
    from_scratch: bool = Option(
        "Model",
        "keep the architecture of --model, drop its weights",
        kind=bool,
        why="pretrained weights are the point",
    ).default(False)

    max_minutes: float | None = replace(
        training_rows.MAX_MINUTES,
        help="train so long in each stage; of the two lengths whichever ends first",
        why="without any, as the command of each stage",
    ).default(None)
    max_steps: int | None = replace(training_rows.MAX_STEPS, help="train so many steps in each stage").default(None)

    batch_seconds: float | None = training_rows.BATCH_SECONDS.default(None)
    learning_rate: float | None = replace(
        training_rows.LEARNING_RATE,
        help="highest rate of the encoder or its adapters in the stages `target` and `selftrain`",
        why="by the model and the stage's tuning; its plan shows it",
    ).default(None)
    head_learning_rate: float | None = replace(
        training_rows.LEARNING_RATE, help="highest rate of the head in the stage `target`", why="with the encoder's"
    ).default(None)
    head_steps: int = Option(
        "Schedule",
        "train the head alone for so many steps first, in the stage `target`",
        kind=int,
        at_least=0,
        below=10**9,
        why="off; what it is worth was not measured yet",
    ).default(0)

    precision: str = run_rows.PRECISION.default("auto")
    seed: int = run_rows.SEED.default(0)
    output: Path | None = replace(  # noqa: RUF009 (makes a field)
        run_rows.OUTPUT,
        help="directory for the stages, a directory each, and the results of the whole; the same command again goes on "
        "there, and does not repeat what is complete",
        shown="runs/SOURCES-to-TARGET-MODEL",
        why="the same for the same command",
    ).default(None)
    overwrite: bool = replace(
        run_rows.OVERWRITE, help="make anew what is there of other settings, recordings, models or --stages"
    ).default(False)
    resume: str | None = replace(
        run_rows.RESUME,
        help="go on with what is in DIR; without DIR: in --output. The same command again does so too",
        why="asked of --output",
    ).default(None)

    json: bool = run_rows.JSON.default(False)
    quiet: bool = run_rows.QUIET.default(False)

    def __post_init__(self) -> None:
        """Check each value, then what goes together; name the directory."""
        check_values(self)
        refuse_conflicts_of_transfer(self)
        if self.resume is not None:
            find_resumed(self, self.resume, several=True)
        if self.output is None:
            object.__setattr__(self, "output", Path("runs") / self._name())

    @property
    def lang(self) -> str:
        """The target's language, as it was given."""
        return next(source.lang for source in self.target if isinstance(source, Source) and source.lang)

    @property
    def source_langs(self) -> tuple[str, ...]:
        """The languages of --source, each once, as they were given."""
        tags = (source.lang for source in self.source or () if isinstance(source, Source) and source.lang)
        return tuple(dict.fromkeys(tags))

    def command_line(self) -> str:
        """The command that asks for these settings; the file that does, where a command line has no place for all."""
        sources = (*(self.source or ()), *self.target, *(self.unlabelled or ()))
        own = any(isinstance(source, Source) and source.words is None for source in sources)
        if own or any(stage.own for stage in self.stages):
            return f"hf-speech-tl {self.command} run.yaml"
        return spell(self)

    def _name(self) -> str:
        tags = [*self.source_langs, "to", self.lang] if self.source else ["to", self.lang]
        return as_file_name("-".join([*tags, Path(self.model).name, *["trials"] * self.recommend]))

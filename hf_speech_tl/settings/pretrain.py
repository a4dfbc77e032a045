"""The settings of `pretrain`: every option, its default, and where the default comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings import data_rows, run_rows, training_rows
from hf_speech_tl.settings.augmentation import STEADY_FORMS, Augmentation, refuse_augmentations
from hf_speech_tl.settings.option import Option, check_values, flag
from hf_speech_tl.settings.preset import STARTER
from hf_speech_tl.settings.run import command_line, place_run
from hf_speech_tl.settings.source import Source, refuse_mix

_OBJECTIVES = ("contrastive", "distil", "masked")


@dataclass(frozen=True, kw_only=True)
class PretrainSettings:
    """Pretrain a speech encoder: recordings, with transcripts or without, in; an encoder that finetune takes out."""

    command: ClassVar[str] = "pretrain"
    examples: ClassVar[tuple[str, ...]] = (
        "--data recordings/ --objective distil --teacher openai/whisper-base",
        "--data a.parquet --data b.parquet --model facebook/wav2vec2-base --objective distil --teacher teacher/",
        "runs/first/run.yaml --seed 2",
    )

    data: tuple[str | Source, ...] = replace(
        data_rows.DATA,
        help="recordings, repeatable, in any layout that finetune takes; transcripts may be missing, and serve the "
        "probe alone (docs/pretraining.md)",
        shown="",
        why="",
    ).required()
    lang: str | None = Option(
        "Data",
        "language of the transcripts, as BCP-47 or ISO 639-3, by which they are romanised for the probe",
        metavar="TAG",
        unset="none",
        why="uroman reads any script but ideographs",
    ).default(None)
    text_column: str | None = data_rows.TEXT_COLUMN.default(None)
    tier: str | None = data_rows.TIER.default(None)
    max_seconds: float = data_rows.MAX_SECONDS.default(20.0)
    temperature: float = data_rows.TEMPERATURE.default(1.0)

    model: str | None = Option(
        "Model",
        "go on with the weights of this one: starter, a directory, or a Hub id of a family that finetune takes",
        unset="none",
        why="weights are new, of the shape that --config names",
    ).default(None)
    config: str | None = Option(
        "Model",
        "begin with new weights of this shape: starter, a config.json, a directory with one, or a Hub id",
        unset="auto",
        shown=STARTER,
        why="small enough for a CPU; of no account with --model, and not for contrastive, which wants another family",
    ).default(None)
    objective: str = Option(
        "Model",
        "what is learnt: to predict what layers of a larger encoder make of the audio (distil: DistilHuBERT), in which "
        "cluster of sounds masked frames are (masked: HuBERT), or to tell masked frames apart (contrastive: wav2vec "
        "2.0; docs/collapse.md)",
        choices=_OBJECTIVES,
    ).required()
    teacher: str | None = Option(
        "Model",
        "the larger encoder of --objective distil: a directory or a Hub id, of a family that --model takes or Whisper",
        unset="none",
        metavar="MODEL",
        why="distil needs one",
    ).default(None)
    teacher_layers: str | None = Option(
        "Model",
        "layers of the teacher that are learnt, counted from 1, with commas",
        unset="auto",
        metavar="LIST",
        why="4,6 of six layers, as in pilots with Whisper base; of others the middle and the last",
    ).default(None)
    student_layer: int | None = Option(
        "Model",
        "layer of the encoder from which they are predicted, counted from 1",
        kind=int,
        at_least=1,
        below=10_000,
        unset="last",
        why="as DistilHuBERT (Chang et al. 2022)",
    ).default(None)

    cluster_on: str | None = Option(
        "Model",
        "what the clusters of --objective masked are found in: for a second iteration a layer of a model, MODEL or "
        "MODEL:LAYER (a directory or a Hub id), the middle one where none is named",
        unset="cepstra",
        metavar="MODEL",
        why="as HuBERT's first iteration (Hsu et al. 2021)",
    ).default(None)
    clusters: int | None = Option(
        "Model",
        "how many clusters there are",
        kind=int,
        at_least=2,
        below=100_000,
        unset="auto",
        why="as HuBERT: 100 in cepstra, 500 in a layer; fewer where there are not a hundred frames for each",
    ).default(None)

    max_minutes: float | None = replace(
        training_rows.MAX_MINUTES,
        help="train so long, what the teacher makes of the audio and probes not counted; of the three lengths "
        "whichever ends first, and the schedule fits it",
        why="without any of the three: an hour on a CPU, 50 epochs on a GPU",
    ).default(None)
    max_steps: int | None = training_rows.MAX_STEPS.default(None)
    epochs: float | None = training_rows.EPOCHS.default(None)

    batch_seconds: float | None = training_rows.BATCH_SECONDS.default(None)
    learning_rate: float | None = replace(
        training_rows.LEARNING_RATE, help="highest rate", why="by the size of the model; the plan shows it"
    ).default(None)
    warmup: float = training_rows.WARMUP.default(0.1)
    weight_decay: float = replace(training_rows.WEIGHT_DECAY, why="as wav2vec 2.0 (Baevski et al. 2020)").default(0.01)
    optimizer: str = training_rows.OPTIMIZER.default("auto")
    dropout: float = replace(training_rows.DROPOUT, why="none; on a CPU, drawing it takes an eighth of a step").default(
        0.0
    )
    augment: tuple[Augmentation, ...] = replace(
        training_rows.AUGMENT,
        choices=STEADY_FORMS,
        help="changes to the audio that the encoder hears, while what it is to predict is of the clean audio (with "
        "contrastive of the same, changed audio); with commas, or none: those of finetune that leave a clip as long as "
        "it is, and do not mask (docs/augmentation.md)",
        unset="",
        shown="none",
        why="untried",
    ).default(())
    gradient_checkpointing: str = run_rows.GRADIENT_CHECKPOINTING.default("auto")
    precision: str = run_rows.PRECISION.default("auto")
    cache: Path | None = Option(  # noqa: RUF009 (makes a field)
        "Run",
        "directory that keeps what the teacher makes of each clip, for later runs too",
        kind=Path,
        unset="auto",
        metavar="DIR",
        shown="beside the cache of datasets",
        why="a run that goes on, or one with other settings, need not compute it again",
        recorded=False,
    ).default(None)
    cache_gb: float = Option(
        "Run",
        "how many GB of it one run may take; recordings beyond are left out, and the plan says how many hours are not",
        kind=float,
        above=0,
        metavar="GB",
        why="some 100 hours of two layers of Whisper base at 25 frames a second",
    ).default(20.0)
    seed: int = run_rows.SEED.default(0)
    output: Path | None = replace(  # noqa: RUF009 (makes a field)
        run_rows.OUTPUT,
        help="directory for the encoder, its card and its results",
        shown="runs/OBJECTIVE-MODEL-DATE",
    ).default(None)
    overwrite: bool = run_rows.OVERWRITE.default(False)
    resume: str | None = run_rows.RESUME.default(None)

    report_to: tuple[str, ...] = run_rows.REPORT_TO.default(())
    json: bool = run_rows.JSON.default(False)
    quiet: bool = run_rows.QUIET.default(False)

    def __post_init__(self) -> None:
        """Check each value, then what goes together; name the directory of the run."""
        check_values(self)
        self._refuse_conflicts()
        place_run(self, f"{self.objective}-{Path(self.begins_as).stem}")

    @property
    def begins_as(self) -> str:
        """The model or the configuration that the run begins with."""
        return self.model or self.config or STARTER

    @property
    def taught_layers(self) -> tuple[int, ...] | None:
        """The layers of the teacher that are named."""
        if self.teacher_layers is None:
            return None
        return tuple(sorted({int(word) for word in self.teacher_layers.split(",")}))

    def command_line(self) -> str:
        """The command that asks for these settings, defaults left out."""
        return command_line(self)

    def _refuse_conflicts(self) -> None:
        if self.model is not None and self.config is not None:
            raise SettingsError(
                f"--model {self.model} --config {self.config}: one goes on with weights, the other begins with new "
                "ones; allowed: one of them; drop the other"
            )
        if self.objective == "distil" and self.teacher is None:
            raise SettingsError(
                "--objective distil: no teacher is named; allowed with --teacher MODEL, such as openai/whisper-base; "
                "add it"
            )
        if self.objective == "contrastive" and self.model is None and self.config is None:
            raise SettingsError(
                "--objective contrastive: the shape that is taken where none is named, the starter's, is of a family "
                "without a contrastive loss; allowed with --model or --config of the families wav2vec2 and "
                "wav2vec2-conformer; add --model facebook/wav2vec2-base"
            )
        owners = {"teacher": "distil", "teacher_layers": "distil", "student_layer": "distil"}
        owners |= {"cluster_on": "masked", "clusters": "masked"}
        for key, objective in owners.items():
            if (value := getattr(self, key)) is not None and self.objective != objective:
                raise SettingsError(
                    f"{flag(key)} {value} --objective {self.objective}: is not asked for there; allowed with "
                    f"--objective {objective}; drop it"
                )
        if self.teacher_layers is not None and not re.fullmatch(r"[1-9]\d{0,3}(,[1-9]\d{0,3})*", self.teacher_layers):
            raise SettingsError(
                f"--teacher-layers {self.teacher_layers}: cannot be; allowed: numbers from 1 on with commas; write 4,6"
            )
        for one in self.augment:
            if one.lengthens or one.masks:
                reason = "makes clips longer or shorter" if one.lengthens else "hides what is to be predicted"
                raise SettingsError(
                    f"--augment {one}: {reason}, and what is to be predicted goes by the clip as it is; allowed: "
                    f"{', '.join(STEADY_FORMS)} or none; drop it"
                )
        refuse_mix(self.data, self.temperature)
        refuse_augmentations(self.augment)

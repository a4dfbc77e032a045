"""The settings of `evaluate`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings import data_rows, run_rows
from hf_speech_tl.settings.option import Option, check_values
from hf_speech_tl.settings.source import Source


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings:
    """Score a model on recordings with transcripts; with --against, compare two on the same utterances."""

    command: ClassVar[str] = "evaluate"
    examples: ClassVar[tuple[str, ...]] = (
        "--model runs/first --data test.parquet",
        "--model runs/first --against runs/second --data recordings/",
    )

    model: str = Option("Model", "directory of a run, or a Hub id of a CTC model").required()
    against: str | None = Option(
        "Model", "second model, compared utterance by utterance", unset="none", metavar="MODEL", why="one model alone"
    ).default(None)
    data: tuple[str | Source, ...] = Option(
        "Data", "recordings with transcripts, repeatable, as for finetune", kind=Source, many=True, metavar="SOURCE"
    ).required()
    lang: str | None = Option(
        "Data",
        "language as BCP-47 or ISO 639-3",
        unset="auto",
        metavar="TAG",
        why="the one in the model's results.json",
    ).default(None)
    split: str = Option(
        "Data",
        "part of the data to score; all is for data that no model learnt from",
        choices=("train", "validation", "test", "all"),
        why="the part that nothing was chosen by",
    ).default("test")
    text_column: str | None = data_rows.TEXT_COLUMN.default(None)
    tier: str | None = data_rows.TIER.default(None)
    max_seconds: float = Option(
        "Data", "longer recordings are skipped and counted", kind=float, above=0, why="as in finetune"
    ).default(20.0)
    precision: str = replace(
        run_rows.PRECISION,
        why="what finetune scores with, and whoever loads the model; auto is bfloat16 where the processor or GPU "
        "multiplies it",
    ).default("float32")
    json: bool = run_rows.JSON.default(False)
    quiet: bool = replace(run_rows.QUIET, help="no progress").default(False)

    def __post_init__(self) -> None:
        """Check each value; a weight is for training."""
        check_values(self)
        for source in self.data:
            if isinstance(source, Source) and source.mix is not None:
                raise SettingsError(f"data: {source} has a mix, which is for training alone; drop it")
            if isinstance(source, Source) and not source.labelled:
                raise SettingsError(f"data: {source}: labelled is false, and its transcripts are what counts; drop it")
            if isinstance(source, Source) and source.weight != 1:
                raise SettingsError(
                    f"data: {source} has weight {source.weight:g}; weights are for training alone; drop it"
                )

"""The settings of `prepare`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings import data_rows, run_rows
from hf_speech_tl.settings.option import Option, check_values
from hf_speech_tl.settings.source import Source


@dataclass(frozen=True, kw_only=True)
class PrepareSettings:
    """Write recordings into shards: Parquet files in random order, that are trained on where they lie."""

    command: ClassVar[str] = "prepare"
    examples: ClassVar[tuple[str, ...]] = (
        "--lang it --data recordings/ --output shards/",
        "--unlabelled --data radio/ --output shards/ --format opus",
    )

    # A folder in the output while shards are being written: with it there, the same command goes on.
    under_way: ClassVar[str] = "preparing"

    data: tuple[str | Source, ...] = replace(
        data_rows.DATA, help="recordings, repeatable, in any layout that finetune takes", shown="", why=""
    ).required()
    lang: str | None = Option(
        "Data",
        "language as BCP-47 or ISO 639-3, by which transcripts are looked at; they are written as they are",
        metavar="TAG",
        unset="none",
        why="only with --unlabelled, or where each --data says its own",
    ).default(None)
    unlabelled: bool = Option(
        "Data", "keep recordings without a transcript, for pretrain", kind=bool, why="as in finetune"
    ).default(False)
    text_column: str | None = data_rows.TEXT_COLUMN.default(None)
    tier: str | None = data_rows.TIER.default(None)
    max_seconds: float = replace(data_rows.MAX_SECONDS, why="as in finetune").default(20.0)
    output: Path = Option(  # noqa: RUF009 (makes a field)
        "Result",
        "directory of the shards; what is there of the same shards stays, and is gone on with",
        kind=Path,
        metavar="DIR",
    ).required()
    format: str = Option(
        "Result",
        "of the audio: flac (one channel, 16 kHz, 16 bit: of recordings that were so to the last bit what training "
        "hears, of others a step off in few samples), opus (a fifth of that, not the same), keep (files as they are, "
        "pieces of files as flac)",
        choices=("flac", "opus", "keep"),
        why="training hears the same, or nearly",
    ).default("flac")
    shard_seconds: float = Option(
        "Result",
        "audio in a shard; one that is half written when the command is stopped is written anew",
        kind=float,
        above=0,
        why="4 h, as FLAC some 250 MB",
    ).default(14_400.0)
    seed: int = replace(run_rows.SEED, help="decides the order of the training rows").default(0)
    json: bool = run_rows.JSON.default(False)
    quiet: bool = run_rows.QUIET.default(False)

    def __post_init__(self) -> None:
        """Check each value; transcripts are in a language, and weights are for training."""
        check_values(self)
        spoken = self.lang is not None or all(isinstance(one, Source) and one.lang for one in self.data)
        if not (self.unlabelled or spoken):
            raise SettingsError(
                "--lang is missing: the language of the transcripts, for example --lang it; recordings without "
                "transcripts want --unlabelled"
            )
        for source in self.data:
            if isinstance(source, Source) and not source.labelled:
                raise SettingsError(f"data: {source}: labelled is false; allowed: --unlabelled, for all of the data")
            if isinstance(source, Source) and (source.mix is not None or source.weight != 1):
                raise SettingsError(f"data: {source} has a weight or a mix, which is for training alone; drop it")

"""The settings of `transcribe`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from hf_speech_tl.settings import run_rows
from hf_speech_tl.settings.option import Option, check_values


@dataclass(frozen=True, kw_only=True)
class TranscribeSettings:
    """Write down what is said in audio files, a line each: the file, a tab, the text."""

    command: ClassVar[str] = "transcribe"
    examples: ClassVar[tuple[str, ...]] = ("--model runs/first one.wav two.flac", "--model runs/first --json *.mp3")

    model: str = Option("Model", "directory of a run, or a Hub id of a CTC model").required()
    files: tuple[str, ...] = Option(
        "Data",
        "audio files of up to 120 s: wav, flac, ogg, opus, mp3; with the extra `media` m4a, mp4, mkv, webm",
        many=True,
        metavar="FILE",
        positional=True,
    ).required()
    precision: str = replace(
        run_rows.PRECISION,
        why="bfloat16 where the processor or GPU multiplies it; some letters in a thousand differ from float32",
    ).default("auto")
    json: bool = Option(
        "Result", "a JSON object a line, with the confidence", kind=bool, why="for people", recorded=False
    ).default(False)

    def __post_init__(self) -> None:
        """Check each value."""
        check_values(self)

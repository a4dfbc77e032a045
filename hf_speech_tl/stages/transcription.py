"""Text for recordings that have none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hf_speech_tl.audio import BadAudio, decode, read_header
from hf_speech_tl.decoding import recognise
from hf_speech_tl.errors import DataError
from hf_speech_tl.settings import TranscribeSettings
from hf_speech_tl.stages.judgement import load_recogniser

_LONGEST = 120  # seconds: memory grows with the square of the length, and models have heard nothing as long
_SHORTEST = 0.1


@dataclass(frozen=True)
class Transcription:
    """One file: its text and confidence, or the reason why there is none."""

    file: str
    text: str | None
    confidence: float | None
    error: str | None


def run(settings: TranscribeSettings) -> list[Transcription]:
    """Transcribe each file; a file that cannot be read has its reason, and the others are transcribed all the same.

    Raises DataError when not one of them can be read.
    """
    readable: dict[str, float] = {}
    errors: dict[str, str] = {}
    for file in settings.files:
        try:
            seconds = read_header(Path(file)).seconds
        except BadAudio as error:
            errors[file] = str(error)
            continue
        if seconds > _LONGEST:
            errors[file] = f"{seconds:.0f} s long, cut it into pieces of at most {_LONGEST} s"
        elif seconds < _SHORTEST:
            errors[file] = f"only {seconds:.3f} s long"
        else:
            readable[file] = seconds
    if not readable:
        reasons = "; ".join(f"{file}: {reason}" for file, reason in errors.items())
        raise DataError(
            f"none of the files can be transcribed ({reasons}). Give wav, flac, ogg, opus or mp3 "
            "files, or m4a, mp4, mkv and webm with the extra `media`."
        )
    checkpoint, vocabulary = load_recogniser(settings.model)
    done: dict[str, Transcription] = {}
    for file, seconds in readable.items():
        try:
            found = recognise(
                checkpoint.model,
                checkpoint.feature_extractor,
                vocabulary,
                lambda _, path=Path(file): decode(path),  # type: ignore[misc]
                [seconds],
            )[0]
        except BadAudio as error:
            errors[file] = str(error)
        else:
            done[file] = Transcription(file, found.text, round(found.confidence, 4), None)
    return [done.get(file) or Transcription(file, None, None, errors[file]) for file in settings.files]

"""Text for recordings that have none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hf_speech_tl.audio import RATE, BadAudio, decode, read_header
from hf_speech_tl.decoding import recognise_each
from hf_speech_tl.errors import DataError
from hf_speech_tl.models import Checkpoint, Vocabulary, frame_count
from hf_speech_tl.settings import TranscribeSettings
from hf_speech_tl.stages.judgement import dtype_of, load_recogniser
from hf_speech_tl.stages.reading import SHORTEST

_LONGEST = 120  # seconds: memory grows with the square of the length, and models have heard nothing as long
# Files among which those of similar length are found, and whose texts wait for each other: few at first, so that there
# is something to read soon.
_FIRST_WINDOW = 32
_LAST_WINDOW = 512


@dataclass(frozen=True)
class Transcription:
    """One file: its text and confidence, or the reason why there is none."""

    file: str
    text: str | None
    confidence: float | None
    error: str | None


def run(settings: TranscribeSettings) -> Iterator[Transcription]:
    """Transcribe each file, in their order; a file that cannot be read has its reason, and the others are transcribed
    all the same. Of thousands of files, the texts of some hundred are held at a time, and the sound of a few.

    Raises DataError when not one of them can be read.
    """
    files = [str(file) for file in settings.files]
    lengths = [length(file) for file in files]
    if all(isinstance(found, str) for found in lengths):
        reasons = "; ".join(f"{file}: {reason}" for file, reason in dict(zip(files, lengths, strict=True)).items())
        raise DataError(
            f"none of the files can be transcribed ({reasons}). Give wav, flac, ogg, opus or mp3 "
            "files, or m4a, mp4, mkv and webm with the extra `media`."
        )
    checkpoint, vocabulary = load_recogniser(settings.model)
    yield from transcribe_files(checkpoint, vocabulary, files, lengths, precision=settings.precision)


def transcribe_files(
    checkpoint: Checkpoint,
    vocabulary: Vocabulary,
    files: Sequence[str],
    lengths: Sequence[float | str],
    *,
    precision: str,
) -> Iterator[Transcription]:
    """As run, with a model that is loaded; lengths: what `length` says of each file."""
    dtype = dtype_of(precision, checkpoint.model.device)
    config = checkpoint.model.config
    lengths = [
        f"only {seconds:.3f} s long, of which this model makes no frame"
        if not isinstance(seconds, str) and frame_count(config, round(seconds * RATE)) < 1
        else seconds
        for seconds in lengths
    ]
    begin, size = 0, _FIRST_WINDOW
    while begin < len(files):
        window = range(begin, min(begin + size, len(files)))
        readable = {at: seconds for at in window if not isinstance(seconds := lengths[at], str)}
        places = list(readable)
        done: dict[int, Transcription] = {}
        for number, heard in recognise_each(
            checkpoint.model,
            checkpoint.feature_extractor,
            vocabulary,
            lambda number, places=places: decode(Path(files[places[number]])),  # type: ignore[misc]
            list(readable.values()),
            dtype=dtype,
        ):
            at = places[number]
            if isinstance(heard, BadAudio):
                done[at] = Transcription(files[at], None, None, str(heard))
            else:
                done[at] = Transcription(files[at], heard.text, round(heard.confidence, 4), None)
        yield from (done.get(at) or Transcription(files[at], None, None, str(lengths[at])) for at in window)
        begin, size = window.stop, min(2 * size, _LAST_WINDOW)


def length(file: str) -> float | str:
    """Seconds of a recording by its header, or the reason why it cannot be transcribed."""
    try:
        seconds = read_header(Path(file)).seconds
    except BadAudio as error:
        return str(error)
    if seconds > _LONGEST:
        return f"{seconds:.0f} s long, cut it into pieces of at most {_LONGEST} s"
    if seconds < SHORTEST:
        return f"only {seconds:.3f} s long"
    return seconds

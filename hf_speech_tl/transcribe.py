"""`python -m hf_speech_tl.transcribe`: audio files in, a line of text each out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from hf_speech_tl.errors import DataError
from hf_speech_tl.settings import TranscribeSettings
from hf_speech_tl.terminal import conclude

if TYPE_CHECKING:
    from hf_speech_tl.stages.transcription import Transcription


def transcribe(settings: TranscribeSettings) -> Iterator[Transcription]:
    """Transcribe each file, in their order and as they are done; one that cannot be read has the reason in place of its
    text.

    Raises:
        SpeechError: see hf_speech_tl.errors.
    """
    from hf_speech_tl.stages.transcription import run

    return run(settings)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return conclude(TranscribeSettings, arguments, _transcribe)


def _transcribe(settings: TranscribeSettings) -> None:
    unread: list[str] = []
    for one in transcribe(settings):
        if settings.json:
            print(json.dumps(asdict(one), ensure_ascii=False), flush=True)
        elif one.error is None:
            print(f"{one.file}\t{one.text}", flush=True)
        if one.error is not None:
            unread.append(f"{one.file}: {one.error}")
    if unread:
        raise DataError(
            f"{len(unread)} of {len(settings.files)} files could not be read ({'; '.join(unread)}), the others are "
            "done; allowed: wav, flac, ogg, opus, mp3; m4a, mp4, mkv and webm with the extra `media`"
        )


if __name__ == "__main__":
    sys.exit(main())

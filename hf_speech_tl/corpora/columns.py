"""Which column of somebody's table is which of ours, by the names that are usual in the field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hf_speech_tl.errors import DataError

_AUDIO = ("audio", "path", "file", "audio_filepath", "wav", "file_name", "filename", "audio_path", "audio_file")
_TEXT = ("text", "sentence", "transcription", "transcript", "raw_transcription")
_ID = ("id", "utterance_id", "utt_id", "key")
_SPEAKER = ("speaker", "speaker_id", "client_id", "spk_id")
_SECONDS = ("seconds", "duration")


@dataclass(frozen=True)
class Columns:
    """The names under which one table keeps what we need; None where it has no such column."""

    audio: str
    text: str | None
    id: str | None
    speaker: str | None
    seconds: str | None
    offset: str | None
    split: str | None


def audio_column(found: Sequence[str]) -> str | None:
    """The column of recordings among `found`, whatever its case."""
    known = _known(found)
    return next((known[name] for name in _AUDIO if name in known), None)


def _known(found: Sequence[str]) -> dict[str, str]:
    return {name.strip().lower(): name for name in reversed(found)}


def find_columns(found: Sequence[str], where: str, text_column: str | None, *, labelled: bool = True) -> Columns:
    """The columns among `found`, whatever their case. Raises DataError where audio or transcripts are not to be seen.

    `text_column` is the user's word for the column of transcripts; `where` names the file in the message; unless
    `labelled`, a table may be without one.
    """
    known = _known(found)
    listed = ", ".join(found) or "none"

    def one_of(names: Sequence[str]) -> str | None:
        return next((known[name] for name in names if name in known), None)

    audio = audio_column(found)
    if audio is None:
        raise DataError(f"{where} has no column of recordings: it needs one of {', '.join(_AUDIO)}, and has {listed}.")
    text = one_of(_TEXT) if text_column is None else one_of([text_column.strip().lower()])
    if text is None and text_column is not None:
        raise DataError(f"{where} has no column {text_column!r} (--text-column); its columns are {listed}.")
    if text is None and labelled:
        raise DataError(
            f"{where} has no column of transcripts: it needs one of {', '.join(_TEXT)}, and has {listed}. "
            "Name the right one with --text-column."
        )
    return Columns(audio, text, one_of(_ID), one_of(_SPEAKER), one_of(_SECONDS), one_of(["offset"]), one_of(["split"]))

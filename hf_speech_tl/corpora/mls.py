"""Multilingual LibriSpeech (Pratap et al. 2020): SPLIT/transcripts.txt, and SPLIT/audio/SPEAKER/BOOK/NAME.flac."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hf_speech_tl.corpora.librispeech import transcribed_rows
from hf_speech_tl.corpora.recordings import Listing, Row
from hf_speech_tl.corpora.sources import AUDIO
from hf_speech_tl.errors import DataError

_DEPTH = 3  # folders between a recording and its transcripts: audio/SPEAKER/BOOK


def marks(listing: Listing) -> list[Path]:
    """The files transcripts.txt that have a folder audio/ with recordings beside them."""
    audio = [file for file in listing.files if file.suffix.lower() in AUDIO and len(file.parents) > _DEPTH]
    homes = {file.parents[_DEPTH] for file in audio}
    return [file for file in listing.files if file.name == "transcripts.txt" and file.parent in homes]


def read(transcripts: Sequence[Path], listing: Listing) -> tuple[list[Row], str]:
    """A row for each line of the transcripts; a name is SPEAKER_BOOK_NUMBER. Raises DataError for several languages."""
    releases = sorted({file.parent.parent for file in transcripts})
    if len(releases) > 1:
        raise DataError(
            f"{listing.folder.name} holds Multilingual LibriSpeech in {len(releases)} languages "
            f"({', '.join(release.name for release in releases)}): name the folder of one, such as "
            f"--data {releases[0]}."
        )
    rows = transcribed_rows(transcripts, listing, depth=_DEPTH, joint="_")
    return rows, "read as Multilingual LibriSpeech"

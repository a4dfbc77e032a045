"""Multilingual LibriSpeech (Pratap et al. 2020): SPLIT/transcripts.txt, and SPLIT/audio/SPEAKER/BOOK/NAME.flac."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hf_speech_tl.corpora.lines import text_lines
from hf_speech_tl.corpora.recordings import Listing, Row
from hf_speech_tl.corpora.sources import AUDIO
from hf_speech_tl.corpora.splits import split_of_file
from hf_speech_tl.errors import DataError


def marks(listing: Listing) -> list[Path]:
    """The files transcripts.txt that have a folder audio/ with recordings beside them."""
    homes = {file.parents[3] for file in _recordings(listing)}
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
    folder = listing.folder
    audio = {(file.parents[3], file.stem): file for file in _recordings(listing)}
    rows = []
    for file in transcripts:
        home = file.parent.relative_to(folder)
        split = split_of_file(home) or split_of_file(Path(folder.name))
        for name, text in text_lines(file):
            clip = audio.get((file.parent, name))
            path = home / f"{name}.flac" if clip is None else clip.relative_to(folder)
            rows.append(Row(name, path.as_posix(), text or None, name.split("_")[0], split))
    return rows, "read as Multilingual LibriSpeech"


def _recordings(listing: Listing) -> list[Path]:
    return [file for file in listing.files if file.suffix.lower() in AUDIO and len(file.parents) > 3]

"""Multilingual LibriSpeech (Pratap et al. 2020): SPLIT/transcripts.txt, and SPLIT/audio/SPEAKER/BOOK/NAME.flac."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hf_speech_tl.corpora.lines import text_lines
from hf_speech_tl.corpora.recordings import Listing, Row
from hf_speech_tl.corpora.sources import AUDIO
from hf_speech_tl.corpora.splits import split_of_file


def marks(listing: Listing) -> list[Path]:
    """The files transcripts.txt that have a folder audio/ with recordings beside them."""
    homes = {file.parents[3] for file in listing.files if file.suffix.lower() in AUDIO and len(file.parents) > 3}
    return [file for file in listing.files if file.name == "transcripts.txt" and file.parent in homes]


def read(transcripts: Sequence[Path], listing: Listing) -> tuple[list[Row], str]:
    """A row for each line of the transcripts; a name is SPEAKER_BOOK_NUMBER."""
    folder = listing.folder
    audio = {file.stem: file for file in listing.files if file.suffix.lower() in AUDIO}
    rows = []
    for file in transcripts:
        home = file.parent.relative_to(folder)
        split = split_of_file(home) or split_of_file(Path(folder.name))
        for name, text in text_lines(file):
            path = audio[name].relative_to(folder) if name in audio else home / f"{name}.flac"
            rows.append(Row(name, path.as_posix(), text or None, name.split("_")[0], split))
    return rows, "read as Multilingual LibriSpeech"

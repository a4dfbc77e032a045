"""LibriSpeech (Panayotov et al. 2015) and its kin: a .trans.txt of names and texts a chapter, the audio beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hf_speech_tl.corpora.lines import text_lines
from hf_speech_tl.corpora.recordings import Listing, Row
from hf_speech_tl.corpora.sources import AUDIO
from hf_speech_tl.corpora.splits import split_of_file


def marks(listing: Listing) -> list[Path]:
    """The files SPEAKER-CHAPTER.trans.txt."""
    return [file for file in listing.files if file.name.endswith(".trans.txt")]


def read(transcripts: Sequence[Path], listing: Listing) -> tuple[list[Row], str]:
    """A row for each line of the .trans.txt files; splits are the folders' names: train-clean-100, dev-other."""
    return transcribed_rows(transcripts, listing, depth=0, joint="-"), "read as LibriSpeech"


def transcribed_rows(transcripts: Sequence[Path], listing: Listing, *, depth: int, joint: str) -> list[Row]:
    """A row for each line of `transcripts`, which is a name and a text.

    The recordings lie `depth` folders below their transcripts; their names begin with the speaker's and `joint`.
    """
    folder = listing.folder
    audio = {
        (file.parents[depth], file.stem): file
        for file in listing.files
        if file.suffix.lower() in AUDIO and len(file.parents) > depth
    }
    rows = []
    for file in transcripts:
        home = file.parent.relative_to(folder)
        # The folder that was named may itself be the split.
        split = split_of_file(home) or split_of_file(Path(folder.name))
        for name, text in text_lines(file):
            clip = audio.get((file.parent, name))
            path = (home / f"{name}.flac" if clip is None else clip.relative_to(folder)).as_posix()
            rows.append(Row(name, path, text or None, name.split(joint)[0], split))
    return rows

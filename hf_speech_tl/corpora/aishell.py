"""AISHELL-1 (Bu et al. 2017): one file of transcripts, and wav/SPLIT/SPEAKER/NAME.wav."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hf_speech_tl.corpora.lines import text_lines
from hf_speech_tl.corpora.recordings import Listing, Row
from hf_speech_tl.corpora.sources import AUDIO
from hf_speech_tl.corpora.splits import split_of_file
from hf_speech_tl.errors import DataError


def marks(listing: Listing) -> list[Path]:
    """The file aishell_transcript_v0.8.txt."""
    return [file for file in listing.files if file.name.startswith("aishell_transcript") and file.suffix == ".txt"]


def read(transcripts: Sequence[Path], listing: Listing) -> tuple[list[Row], str]:
    """A row for each recording; a few have no transcript and are listed as such.

    Raises DataError where the archives of the speakers are still packed.
    """
    texts = dict(line for file in transcripts for line in text_lines(file))
    audio = [file for file in listing.files if file.suffix.lower() in AUDIO]
    if not audio:
        raise DataError(
            f"{listing.folder.name} holds the transcripts of AISHELL-1 and no recording: unpack the archives in wav/ "
            "first (for f in wav/*.tar.gz; do tar xzf $f -C wav; done)."
        )
    rows = []
    for file in audio:
        within = file.relative_to(listing.folder)
        rows.append(
            Row(file.stem, within.as_posix(), texts.get(file.stem), file.parent.name, split_of_file(within.parent))
        )
    lost = len(texts.keys() - {file.stem for file in audio})
    packed = f"; {lost} transcripts have no recording: are all archives in wav/ unpacked?" if lost else ""
    return rows, f"read as AISHELL-1{packed}"

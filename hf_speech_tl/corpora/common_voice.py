"""Common Voice as Mozilla hands it out: clips/ beside validated.tsv, train.tsv, dev.tsv and test.tsv.

Ardila et al. 2020, Common Voice: A Massively-Multilingual Speech Corpus. Its own train.tsv keeps one clip a sentence;
all validated clips are more, often several times. Those whose speaker or sentence is in dev or test stay out, which is
how the corpus itself keeps its splits apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hf_speech_tl.corpora.columns import find_columns
from hf_speech_tl.corpora.lines import Line, read_lines
from hf_speech_tl.corpora.recordings import Listing, Row
from hf_speech_tl.corpora.splits import text_key
from hf_speech_tl.errors import DataError

_TABLES = {"validated.tsv": None, "train.tsv": "train", "dev.tsv": "validation", "test.tsv": "test"}


def marks(listing: Listing) -> list[Path]:
    """The tables that have a folder clips/ beside them."""
    homes = {file.parent.parent for file in listing.files if file.parent.name == "clips"}
    return [file for file in listing.files if file.name in _TABLES and file.parent in homes]


def read(tables: Sequence[Path], listing: Listing) -> tuple[list[Row], str]:
    """The rows of one language, and a note. Raises DataError where the folder holds several."""
    folder = listing.folder
    homes = sorted({table.parent for table in tables})
    if len(homes) > 1:
        raise DataError(
            f"{folder.name} holds Common Voice in {len(homes)} languages ({', '.join(home.name for home in homes)}): "
            f"name the folder of one, such as --data {homes[0]}."
        )
    read = {_TABLES[table.name]: _rows(table, folder, _TABLES[table.name]) for table in tables}
    held = [row for split in ("validation", "test") for row in read.get(split, [])]
    if None not in read:
        return read.get("train", []) + held, "read as Common Voice, with its own train.tsv: validated.tsv is not there"
    names, voices = {row.name for row in held}, {row.speaker for row in held if row.speaker}
    sentences = {text_key(row.text) for row in held if row.text}
    train = [
        row
        for row in read[None]
        if row.name not in names and row.speaker not in voices and text_key(row.text or "") not in sentences
    ]
    note = (
        f"read as Common Voice: {len(train)} of {len(read[None])} validated clips train, the others have a speaker or "
        "a sentence of dev or test"
    )
    return train + held, note


def _rows(table: Path, folder: Path, split: str | None) -> list[Row]:
    lines = read_lines(table)
    if not lines:
        return []
    columns = find_columns(list(lines[0].fields), table.name, None)
    return [_row(line, columns.audio, columns.text, columns.speaker, table, folder, split) for line in lines]


def _row(line: Line, audio: str, text: str, speaker: str | None, table: Path, folder: Path, split: str | None) -> Row:
    clip = str(line.fields.get(audio) or "")
    if line.fault is not None or not clip:
        return Row(f"{table.name}:{line.number}", "", split=split, reason="broken line", detail=line.fault or "no clip")
    said = line.fields.get(text)
    voice = line.fields.get(speaker) if speaker else None
    return Row(
        id=Path(clip).stem,
        name=(table.parent.relative_to(folder) / "clips" / clip).as_posix(),
        text=str(said) if said else None,
        speaker=str(voice) if voice else None,
        split=split,
    )

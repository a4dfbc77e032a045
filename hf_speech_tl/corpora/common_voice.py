"""Common Voice as Mozilla hands it out: clips/ beside validated.tsv, train.tsv, dev.tsv and test.tsv.

Ardila et al. 2020, Common Voice: A Massively-Multilingual Speech Corpus. Its own train.tsv keeps one clip a sentence;
all validated clips are more, often several times. Those whose speaker or sentence is in dev or test stay out, which is
how the corpus itself keeps its splits apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hf_speech_tl.corpora.lines import read_header_line
from hf_speech_tl.corpora.manifest import manifest_rows
from hf_speech_tl.corpora.recordings import Listing, Row
from hf_speech_tl.corpora.splits import text_key
from hf_speech_tl.errors import DataError, SettingsError
from hf_speech_tl.languages import Language, find_language

_TABLES = ("validated", "train", "dev", "test")
_COLUMNS = {"client_id", "path", "sentence"}


def marks(listing: Listing) -> list[Path]:
    """The tables beside a folder clips/ that have the columns of Common Voice."""
    homes = {file.parent.parent for file in listing.files if file.parent.name == "clips"}
    tables = [file for file in listing.files if file.parent in homes and file.suffix == ".tsv" and file.stem in _TABLES]
    return [table for table in tables if set(read_header_line(table).split("\t")) >= _COLUMNS]


def read(tables: Sequence[Path], listing: Listing) -> tuple[list[Row], str]:
    """The rows of one language, and a note. Raises DataError where of several languages not exactly one fits."""
    homes = sorted({table.parent for table in tables})
    other = _named_for(homes[0].name)
    if len(homes) == 1 and homes[0] != listing.folder and other and not _of_language(homes, listing.language):
        raise DataError(
            f"{listing.folder.name} holds Common Voice in {other.name} ({homes[0].name}), and --lang says "
            f"{listing.language.name}: name the folder of the language, or --data {homes[0]} to read it all the same."
        )
    if len(homes) > 1:
        homes = _of_language(homes, listing.language) or homes
    if len(homes) > 1:
        raise DataError(
            f"{listing.folder.name} holds Common Voice in {len(homes)} languages "
            f"({', '.join(home.name for home in homes)}): name the folder of one, such as --data {homes[0]}."
        )
    by_name = {table.stem: table for table in tables if table.parent == homes[0]}

    def rows(name: str) -> list[Row]:
        return manifest_rows(by_name[name], listing.folder, None, "clips") if name in by_name else []

    judged = rows("dev") + rows("test")
    if "validated" not in by_name:
        return rows("train") + judged, "read as Common Voice, with its own train.tsv: validated.tsv is not there"
    good = [row for row in judged if row.reason is None]
    clips, sentences = {row.name for row in good}, {text_key(row.text) for row in good if row.text}
    voices = {row.speaker for row in good if row.speaker}
    validated = rows("validated")
    train = [
        row
        for row in validated
        if row.reason is not None
        or not (row.name in clips or row.speaker in voices or text_key(row.text or "") in sentences)
    ]
    note = (
        f"read as Common Voice ({homes[0].name}): {len(train)} of {len(validated)} validated clips train, the others "
        "have a speaker or a sentence of dev or test"
    )
    return train + judged, note


def _of_language(homes: Sequence[Path], language: Language) -> list[Path]:
    """The folders named for the language itself, else for its kin in the same script: zh-CN for zh, sv-SE for sv."""
    found = {home: _named_for(home.name) for home in homes}
    same = [home for home, other in found.items() if other and other.tag == language.tag]
    first = language.tag.split("-")[0]
    kin = [
        home
        for home, other in found.items()
        if other and (other.tag.split("-")[0], other.script) == (first, language.script)
    ]
    return same or kin


def _named_for(name: str) -> Language | None:
    try:
        return find_language(name)
    except SettingsError:
        return None

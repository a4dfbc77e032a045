"""The lines of a manifest file, parsed one by one so that a broken line costs only itself."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from hf_speech_tl.errors import DataError


class _Commas(csv.excel):
    strict = True  # a broken quote is an error, not a text that goes on over the lines below


class _Tabs(csv.excel_tab):
    quoting = csv.QUOTE_NONE  # TSV is written without quotes (Common Voice); a text may well start with one
    strict = True


@dataclass(frozen=True)
class Line:
    """The fields of a line by the names of their columns; or, in `fault`, what is wrong with it."""

    number: int
    fields: Mapping[str, object]
    fault: str | None = None


def read_lines(file: Path) -> list[Line]:
    """All lines of a .jsonl, .csv or .tsv file; a byte that is not UTF-8 stays in its line as a lone surrogate.

    Raises DataError where the file cannot be read.
    """
    lines = _lines(file, newline="")
    if file.suffix.lower() == ".jsonl":
        return [_json(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    return list(_table(lines, _Tabs if file.suffix.lower() == ".tsv" else _Commas))


def read_header_line(file: Path) -> str:
    """The first line of a table. Raises DataError."""
    return next(iter(_lines(file, newline=None, limit=1)), "").rstrip("\n")


def text_lines(file: Path) -> Iterator[tuple[str, str]]:
    """Each line's first word and the rest of it, as Kaldi and its relatives write tables. Raises DataError."""
    for line in _lines(file, newline=None):
        name, _, rest = line.strip().replace("\t", " ").partition(" ")
        if name:
            yield name, rest.strip()


def _lines(file: Path, newline: str | None, limit: int | None = None) -> list[str]:
    try:
        if not file.is_file():  # a pipe would wait for ever
            raise DataError(f"{file.name} is not a file.")
        with file.open(encoding="utf-8-sig", errors="surrogateescape", newline=newline) as opened:
            return list(islice(opened, limit))
    except OSError as error:
        raise DataError(f"{file.name} cannot be read: {error.strerror or error}.") from error


def _json(number: int, line: str) -> Line:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Line(number, {}, f"not JSON: {error}")
    return Line(number, value) if isinstance(value, dict) else Line(number, {}, "not a JSON object")


def _table(lines: Sequence[str], dialect: type[csv.Dialect]) -> Iterator[Line]:
    names: list[str] = []
    start = read = 0
    rows = csv.reader(lines, dialect)
    while start + read < len(lines):
        number = start + read + 1
        try:
            fields = next(rows)
        except csv.Error as error:
            # A quote that is never closed takes all the lines below with it: go on after the line that opened it.
            yield Line(number, {}, f"not CSV: {error}")
            start, read = number, 0
            rows = csv.reader(_from(lines, start), dialect)
            continue
        read = rows.line_num
        if not any(field.strip() for field in fields):
            continue
        if not names:
            names = [field.strip() for field in fields]
        elif len(fields) > len(names):
            yield Line(number, {}, f"{len(fields)} fields where the first line names {len(names)}")
        else:
            yield Line(number, dict(zip(names, fields, strict=False)))


def _from(lines: Sequence[str], start: int) -> Iterator[str]:
    """A slice would copy all that is left, once for every broken line."""
    return (lines[at] for at in range(start, len(lines)))

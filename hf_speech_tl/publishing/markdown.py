"""Names that others gave to folders, corpora and licences, as Markdown that shows them and does nothing else."""

from __future__ import annotations

import re

# What begins markup of Markdown or HTML inside a line, a link among them, or ends a cell of a table.
_MARKUP = re.compile(r"([\\`*\[\]|])|([<>&])")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}


def plain(text: str) -> str:
    """`text` on one line, with all that Markdown or HTML would take for markup escaped.

    An underscore stays: inside a word, as names have it, it is one.
    """
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return _MARKUP.sub(lambda found: f"\\{found[1]}" if found[1] else _ENTITIES[found[2]], " ".join(shown.split()))


def fence(code: str) -> str:
    """What stands around `code` in a card: more backticks than it has anywhere in a row, three at least."""
    return "`" * max(3, 1 + max(map(len, re.findall("`+", code)), default=0))

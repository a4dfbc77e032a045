"""What decoding said of recordings in an earlier run, so that the next one need not listen to them again.

A small file for each set of recordings in the cache of `datasets`, beside the index (index.py). Recordings are known
again by their files' sizes and times of change; what is torn or cannot be written is done without.
"""

from __future__ import annotations

import functools
import json
import os
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import datasets
import pyarrow.compute as pc

from hf_speech_tl.corpora.remote import is_url
from hf_speech_tl.corpora.table import digest

_LAYOUT = 1  # a new number when recordings are judged in another way
_PLACE = ("path", "offset", "length", "start", "size", "group", "row")

Fault = tuple[str, str]  # reason, detail


def verdicts_file(rows: datasets.Dataset) -> Path | None:
    """Where what is found out about these rows is kept; None where not all audio is in files that can be looked at."""
    audio, selection = rows.data.column("audio"), rows._indices
    if pc.struct_field(audio, "bytes").null_count < len(audio):
        return None
    columns = [pc.struct_field(audio, name) for name in _PLACE]
    if selection is not None:
        columns = [values.take(selection.column(0)) for values in columns]
    try:
        known = [(*place, *_state(place[0])) for place in zip(*(values.to_pylist() for values in columns), strict=True)]
    except (OSError, TypeError, ValueError):  # decoding says what is wrong with it
        return None
    return Path(datasets.config.HF_DATASETS_CACHE) / "hf_speech_tl" / f"{digest([(_LAYOUT,), *known])}.heard.json"


@functools.lru_cache(1)  # of many rows in one file, one after another
def _state(path: str) -> tuple[int, int]:
    """Size and time of change; of a shard far away neither, for its rows' places change with it."""
    if is_url(path):
        return 0, 0
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns


def read_verdicts(file: Path | None) -> dict[int, Fault] | None:
    """The bad ones of the rows that the file is of, by their numbers; None where nothing is known."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        if file is not None:
            faults = json.loads(file.read_text("utf-8"))
            return {int(at): (str(reason), str(detail)) for at, (reason, detail) in faults.items()}
    return None


def keep_verdicts(faults: Mapping[int, Fault], file: Path | None) -> None:
    """Beside, then renamed, so that of two processes each finds a whole file."""
    if file is None:
        return
    half = file.with_suffix(f".{uuid.uuid4().hex}.tmp")
    with suppress(OSError, UnicodeEncodeError):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            half.write_text(json.dumps(faults), "utf-8")
            os.replace(half, file)
        finally:
            half.unlink(missing_ok=True)

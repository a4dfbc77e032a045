"""Rows whose recordings lie in shards: which row group each is in, and what is fetched of those that are far away."""

from __future__ import annotations

from collections.abc import Iterable

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hf_speech_tl.corpora.embedded import span_of
from hf_speech_tl.corpora.remote import Span, begin_to_fetch, is_url


def row_groups(rows: datasets.Dataset) -> np.ndarray | None:
    """The number of each row's row group, `(rows,)` int32 from 0 on, none left out; None where a row is in no shard.

    Rows of one group follow each other.
    """
    audio, selection = rows.data.column("audio"), rows._indices
    places = None if selection is None else selection.column(0).to_numpy()
    if audio.type.get_field_index("begin") < 0:  # rows that somebody else made
        return None
    begins = pc.struct_field(audio, "begin")
    inside = begins.is_valid().to_numpy()
    if not len(rows) or not (inside if places is None else inside[places]).all():
        return None
    differs = _differs(begins) | _differs(pc.struct_field(audio, "path"))
    if places is not None:
        # Between two rows that were kept there may have been others: of the whole table's groups, those that are left.
        groups = np.cumsum(differs, dtype=np.int32)[places]
        differs = np.concatenate([[False], groups[1:] != groups[:-1]])
    else:
        differs[0] = False
    return np.cumsum(differs, dtype=np.int32)


def are_far(rows: datasets.Dataset) -> bool:
    """Whether the recordings of any of these rows are at an address."""
    # A column of nothing but nulls has no type.
    paths, selection = pc.struct_field(rows.data.column("audio"), "path").cast(pa.string()), rows._indices
    far = pc.fill_null(pc.match_substring(paths, "://"), False).to_numpy()
    return bool((far if selection is None else far[selection.column(0).to_numpy()]).any())


def expect(rows: datasets.Dataset, places: Iterable[int], *, alone: bool = False) -> None:
    """Begin to fetch the recordings of the rows at `places` that are far away: the row groups that they are in, which
    holds what is wanted next where rows come in the order of the shards; or they `alone`."""
    cells = rows.select_columns(["audio"])[list(places)]["audio"]
    spans: list[Span] = []
    for cell in cells:
        if is_url(str(cell["path"])) and cell["begin"] is not None:
            own = span_of(str(cell["path"]), cell["start"], cell["size"])
            spans.append(own if alone else Span(own.url, cell["begin"], cell["end"]))
    begin_to_fetch(spans)


def _differs(values: pa.ChunkedArray) -> np.ndarray:
    """Whether each value is another than the one before it, `(values,)`; the first is."""
    changed = pc.not_equal(values.slice(1), values.slice(0, len(values) - 1))
    return np.concatenate([[True], pc.fill_null(changed, True).to_numpy()])

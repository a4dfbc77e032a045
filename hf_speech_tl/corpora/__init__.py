"""Recordings with transcripts, from any source, as the one table."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hf_speech_tl.corpora.far import are_far, expect, row_groups
    from hf_speech_tl.corpora.licence import licences_together
    from hf_speech_tl.corpora.load import load_corpus
    from hf_speech_tl.corpora.prepared import check_shards
    from hf_speech_tl.corpora.remote import stop_fetching
    from hf_speech_tl.corpora.screening import frames_needed, hear, inaudible, leave_out, screen
    from hf_speech_tl.corpora.shard import PlacedRow, ShardRow, write_shard
    from hf_speech_tl.corpora.shards import INDEX, Shard, Shards, parse_shards, shard_name, write_index, write_shards
    from hf_speech_tl.corpora.skipped import Skipped, reasons, write_skipped
    from hf_speech_tl.corpora.sources import LISTED, Place, find_source, has_starter_speech
    from hf_speech_tl.corpora.spoken import find_spoken, refuse_for_languages, refuse_temperature
    from hf_speech_tl.corpora.table import (
        SPLITS,
        Corpus,
        as_file,
        column,
        digest,
        pulses,
        samples,
        select,
        with_columns,
        without,
    )
    from hf_speech_tl.corpora.unlabelled import forget_transcripts, heard_elsewhere

__all__ = [
    "INDEX",
    "LISTED",
    "SPLITS",
    "Corpus",
    "Place",
    "PlacedRow",
    "Shard",
    "ShardRow",
    "Shards",
    "Skipped",
    "are_far",
    "as_file",
    "check_shards",
    "column",
    "digest",
    "expect",
    "find_source",
    "find_spoken",
    "forget_transcripts",
    "frames_needed",
    "has_starter_speech",
    "hear",
    "heard_elsewhere",
    "inaudible",
    "leave_out",
    "licences_together",
    "load_corpus",
    "parse_shards",
    "pulses",
    "reasons",
    "refuse_for_languages",
    "refuse_temperature",
    "row_groups",
    "samples",
    "screen",
    "select",
    "shard_name",
    "stop_fetching",
    "with_columns",
    "without",
    "write_index",
    "write_shard",
    "write_shards",
    "write_skipped",
]

_HOMES = {
    "check_shards": "prepared",
    "row_groups": "far",
    "expect": "far",
    "are_far": "far",
    "as_file": "table",
    "write_shards": "shards",
    "write_index": "shards",
    "shard_name": "shards",
    "parse_shards": "shards",
    "Shards": "shards",
    "Shard": "shards",
    "LISTED": "sources",
    "INDEX": "shards",
    "write_shard": "shard",
    "ShardRow": "shard",
    "PlacedRow": "shard",
    "SPLITS": "table",
    "Corpus": "table",
    "Place": "sources",
    "Skipped": "skipped",
    "column": "table",
    "digest": "table",
    "find_source": "sources",
    "find_spoken": "spoken",
    "forget_transcripts": "unlabelled",
    "frames_needed": "screening",
    "has_starter_speech": "sources",
    "hear": "screening",
    "heard_elsewhere": "unlabelled",
    "inaudible": "screening",
    "leave_out": "screening",
    "licences_together": "licence",
    "load_corpus": "load",
    "reasons": "skipped",
    "refuse_for_languages": "spoken",
    "refuse_temperature": "spoken",
    "pulses": "table",
    "samples": "table",
    "screen": "screening",
    "select": "table",
    "stop_fetching": "remote",
    "with_columns": "table",
    "without": "table",
    "write_skipped": "skipped",
}


def __getattr__(name: str) -> object:
    # Each name is fetched when asked for: find_source answers a misspelt --data without the second that datasets takes.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

"""What the symbols of a run begin with: found, told before the training, and kept beside the model."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hf_speech_tl.languages import can_compare_sounds
from hf_speech_tl.models import KINDS, KNOWN, Checkpoint, Origin, Vocabulary, Writing, inherit, read_writing
from hf_speech_tl.settings import FinetuneSettings

_TOLD = 24  # symbols of a kind; head.csv has all
_WORDS = {
    "romanisation": "romanised alike",
    "sound": "nearest in sound",
    "letters": "of their letters",
    "mean": "like none: mean and noise",
}


def trace_origins(settings: FinetuneSettings, checkpoint: Checkpoint, vocabulary: Vocabulary) -> tuple[Origin, ...]:
    """Where each symbol's row of the new head comes from; empty for a fresh head, or where there is no old one."""
    if settings.head == "fresh" or checkpoint.vocabulary is None:
        return ()
    writes = Writing(settings.lang, settings.units, settings.simplify)
    return inherit(vocabulary, checkpoint.vocabulary, writes, read_writing(settings.model, settings.target_lang))


def count_kinds(origins: Sequence[Origin]) -> dict[str, int]:
    """How many symbols there are of each kind that occurs."""
    counts = Counter(origin.kind for origin in origins)
    return {kind: counts[kind] for kind in KINDS if counts[kind]}


def tell_origins(origins: Sequence[Origin], checkpoint: Checkpoint) -> list[tuple[str, str]]:
    """Rows of the plan: how the head begins, and for each kind the new symbols with those of the old head."""
    if not origins:
        why = "the checkpoint has none that is known" if checkpoint.vocabulary is None else "--head fresh"
        return [] if checkpoint.fresh else [("head", f"random rows ({why})")]
    known = [origin for origin in origins if origin.kind in KNOWN]
    rows = [f"{len(known)} of {len(origins)} symbols as the checkpoint has them (--head transfer)"]
    for kind, words in _WORDS.items():
        found = [origin for origin in origins if origin.kind == kind]
        if found:
            told = ", ".join(map(_told, found[:_TOLD])) + (", ..." if len(found) > _TOLD else "")
            rows.append(f"{len(found)} {words}: {told}")
    if len(known) < len(origins) and not can_compare_sounds():
        rows.append("sounds were not compared, which takes panphon: pip install 'hf_speech_tl[ipa]'")
    return [("head", rows[0]), *(("", row) for row in rows[1:])]


def write_origins(origins: Sequence[Origin], path: Path) -> None:
    """The table of all symbols as CSV; a symbol that came of several has them with a space between."""
    if not origins:
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("symbol", "origin", "from", "distance"))
        for origin in origins:
            distance = "" if origin.distance is None else f"{origin.distance:.3f}"
            table.writerow((origin.symbol, origin.kind, " ".join(origin.sources), distance))


def _told(origin: Origin) -> str:
    return f"{origin.symbol} of {' '.join(origin.sources)}" if origin.sources else origin.symbol

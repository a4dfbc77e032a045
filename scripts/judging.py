"""What the scripts that judge have in common: a part of a corpus to learn from, drawn once, and how rates are told."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_speech_tl.settings import FinetuneSettings

_LONGEST = FinetuneSettings.max_seconds
_WHOLE = {"validation": "validation", "test": "test"}


def draw(corpus: Path, place: Path, seconds: float, splits: Mapping[str, str] = _WHOLE) -> Path:
    """`place`, a folder with utterances of the training split of `corpus` that last `seconds` together at most, and
    with each of `splits` as that split of `corpus` that it names. A place that is there is left as it is. Those longer
    than what a run takes are not drawn: it would leave them out, and learn from less than others do.
    """
    import pyarrow.parquet as pq

    if place.is_dir():
        return place
    beside = place.with_name(place.name + ".part")
    beside.mkdir(parents=True, exist_ok=True)
    train = pq.read_table(corpus / "train.parquet")
    order, left, chosen = list(range(len(train))), seconds, []
    random.Random(0).shuffle(order)
    lengths = train["seconds"].to_pylist()
    for at in order:
        if lengths[at] <= min(left, _LONGEST):
            left -= lengths[at]
            chosen.append(at)
    pq.write_table(train.take(sorted(chosen)), beside / "train.parquet", row_group_size=100)
    for split, origin in splits.items():
        pq.write_table(pq.read_table(corpus / f"{origin}.parquet"), beside / f"{split}.parquet", row_group_size=100)
    beside.rename(place)
    return place


def language_of(corpus: str) -> str:
    """The tag that the name of a corpus begins with: `ru` of ru-asterisk."""
    return corpus.partition("-")[0]


def spell(rate: Mapping[str, float], what: str = "value") -> str:
    """A rate, or with `gain` a difference of two, in per cent, with its 95 % interval."""
    return f"{100 * rate[what]:.1f} ({100 * rate['low']:.1f} to {100 * rate['high']:.1f})"


def names_of(options: Sequence[str]) -> set[str]:
    """The options among these words, without their values: --max-steps, also where --max-steps=300 is said."""
    return {word.partition("=")[0] for word in options if word.startswith("--")}


def earlier_rows(path: Path) -> list[dict[str, Any]]:
    """What an earlier call found, which this one adds to."""
    return json.loads(path.read_text("utf-8")) if path.is_file() else []


def write_rows(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write them beside and rename them, so that they are there whole or not at all."""
    beside = path.with_name(f"{path.name}.part")
    beside.write_text(json.dumps(rows, ensure_ascii=False, indent=2) + "\n", "utf-8")
    os.replace(beside, path)

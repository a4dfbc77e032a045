"""The starter speech that comes with the package: synthetic, for trying everything out without a network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hf_speech_tl.corpora.parquet import read_parquet
from hf_speech_tl.corpora.table import Recordings

_ASSET = Path(__file__).parents[1] / "assets" / "starter_speech.parquet"
_LICENCE = "Unicode-3.0"  # of the texts, from the CLDR; of the audio nobody claims rights (assets/README.md)


def read_starter(text_column: str | None) -> Recordings:
    """The recordings of the starter speech."""
    return replace(read_parquet(_ASSET, text_column), licenses=(_LICENCE,))

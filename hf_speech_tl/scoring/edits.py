"""Counts edits between references and hypotheses, an utterance a row, so that a corpus is summed before dividing."""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein

from hf_speech_tl.errors import DataError


def character_edits(references: Sequence[str], hypotheses: Sequence[str], *, spaced: bool) -> np.ndarray:
    """Edits over Unicode code points of NFC text; spaces count where `spaced`, else they are taken out of both sides.

    Returns (utterances, 2) int64: edits, and the reference's length in code points. ValueError where the two
    sequences differ in number.
    """
    said, recognised = ([_characters(text, spaced) for text in texts] for texts in (references, hypotheses))
    return _edits(said, recognised)


def word_edits(references: Sequence[str], hypotheses: Sequence[str]) -> np.ndarray:
    """Edits over the words of NFC text, that is over what stands between spaces.

    Returns (utterances, 2) int64: edits, and the reference's length in words. ValueError where the two sequences
    differ in number.
    """
    return _edits([_words(text) for text in references], [_words(text) for text in hypotheses])


def utterance_edits(reference: str, hypothesis: str, *, spaced: bool) -> tuple[int, int, int, int]:
    """What the scores need of one utterance: edits and length as character_edits has them, then as word_edits, these 0
    where not `spaced`."""
    characters = _distance(*(_characters(text, spaced) for text in (reference, hypothesis)))
    return *characters, *(_distance(_words(reference), _words(hypothesis)) if spaced else (0, 0))


def rate(edits: np.ndarray) -> float:
    """Error rate of a corpus: all edits over all of the references' lengths, from (utterances, 2) counts.

    An utterance with an empty reference adds its insertions and no length; DataError where all are empty.
    """
    errors, length = edits.sum(axis=0)
    if length == 0:
        raise DataError(
            f"no error rate: none of the {len(edits)} references holds any text; give data with transcripts"
        )
    return float(errors / length)


def _characters(text: str, spaced: bool) -> str:
    text = unicodedata.normalize("NFC", text)
    return text if spaced else "".join(text.split())


def _words(text: str) -> list[str]:
    return unicodedata.normalize("NFC", text).split()


def _edits(references: Sequence[Sequence[Hashable]], hypotheses: Sequence[Sequence[Hashable]]) -> np.ndarray:
    if len(references) != len(hypotheses):
        raise ValueError(f"{len(references)} references stand against {len(hypotheses)} hypotheses")
    pairs = zip(references, hypotheses, strict=True)
    return np.array([_distance(*pair) for pair in pairs], dtype=np.int64).reshape(-1, 2)


def _distance(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> tuple[int, int]:
    return Levenshtein.distance(reference, hypothesis), len(reference)

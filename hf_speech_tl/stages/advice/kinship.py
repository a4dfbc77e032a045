"""How near languages are by what their transcripts say, before anything is heard: by their sounds, else letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hf_speech_tl.languages import Inventory, Language, Unspeakable, cover, transcript, why_unread

_READ = 2000  # transcripts of a corpus: uroman takes a millisecond a word
_GRAMS = (1, 2, 3)


@dataclass(frozen=True)
class Texts:
    """Transcripts of one corpus as written, and their language."""

    language: Language
    written: Sequence[str]

    @classmethod
    def drawn(cls, language: Language, written: Sequence[str | None], seed: int) -> Texts:
        """Of many transcripts as many as tell enough."""
        order = np.random.default_rng(seed).permutation(len(written))
        return cls(language, [text for at in order if (text := written[at])][:_READ])

    def in_units(self, units: str) -> Iterator[str]:
        """Normalised, without those that cannot be."""
        for text in self.written:
            try:
                yield transcript(text, self.language, units)
            except Unspeakable:
                continue


@dataclass(frozen=True)
class Kinship:
    """by: sounds or letters. distances: of each source from the target, from 0 to 1, None where neither could be told.
    lacking: sounds of the target that a source has not. reason: why it had to be letters."""

    by: str
    distances: Sequence[float | None]
    lacking: Sequence[tuple[str, ...]]
    reason: str = ""


def compare_languages(target: Texts, sources: Sequence[Texts]) -> Kinship:
    """By their sounds, where those of all languages can be told; else by their romanised letters.

    All by the same, for one source's sounds say nothing beside another one's letters.
    """
    reasons = [reason for texts in (target, *sources) if (reason := why_unread(texts.language))]
    if not reasons:
        wanted, *there = [Inventory.of(texts.in_units("ipa")) for texts in (target, *sources)]
        if wanted.shares and all(one.shares for one in there):
            found = [cover(wanted, one) for one in there]
            return Kinship("sounds", [one.distance for one in found], [one.lacking for one in found])
        reasons = ["the transcripts of one of them could not be read into the phonetic alphabet"]
    grams = [_grams(texts.in_units("romanized")) for texts in (target, *sources)]
    distances = [_unlike(grams[0], one) for one in grams[1:]]
    return Kinship("letters", distances, [()] * len(sources), reasons[0])


def _grams(transcripts: Iterator[str]) -> list[Counter[str]]:
    """How often there is each letter, pair and triple, without the digits of tones; a space bounds words."""
    counts: list[Counter[str]] = [Counter() for _ in _GRAMS]
    for text in transcripts:
        letters = f" {''.join(letter for letter in text if not letter.isdigit())} "
        for length, count in zip(_GRAMS, counts, strict=True):
            count.update(letters[at : at + length] for at in range(len(letters) - length + 1))
    return counts


def _unlike(target: Sequence[Counter[str]], source: Sequence[Counter[str]]) -> float | None:
    """The share of the letters, pairs and triples of one that the other has not as often, the three counting alike."""
    if not target[0] or not source[0]:
        return None
    shared = [
        sum(min(count / ours.total(), theirs[gram] / theirs.total()) for gram, count in ours.items())
        for ours, theirs in zip(target, source, strict=True)
    ]
    return 1 - float(np.mean(shared))

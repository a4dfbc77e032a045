"""The sounds of a language, counted in transcripts that were read into the phonetic alphabet, and how well those of
another language cover them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hf_speech_tl.languages.ipa import find_reader, is_installed
from hf_speech_tl.languages.spelling import is_phonetic
from hf_speech_tl.languages.symbols import can_compare_sounds, panphon
from hf_speech_tl.languages.tags import Language

_RARE = 5e-4  # of all sounds: less often it is a name from abroad, or a slip of the reader


@dataclass(frozen=True)
class Inventory:
    """The share that each sound has of all sounds in some transcripts."""

    shares: Mapping[str, float]

    @classmethod
    def of(cls, transcripts: Iterable[str]) -> Inventory:
        """The sounds of transcripts in the IPA, but for rare ones. ImportError without panphon."""
        count = Counter(sound for transcript in transcripts for sound in panphon().fm.ipa_segs(transcript))
        total = count.total()
        return cls({sound: found / total for sound, found in sorted(count.items()) if found >= _RARE * total})


@dataclass(frozen=True)
class Coverage:
    """How far the sounds of one language are from the nearest ones of another, 0 where it has all of them; `lacking`:
    those that it has not, what weighs most first."""

    distance: float
    lacking: tuple[str, ...]


def cover(target: Inventory, source: Inventory) -> Coverage:
    """How well the sounds of `source` cover those of `target`.

    Each sound of the target stands as far from the source as the nearest of its sounds, in the share of 24
    articulatory features that differ, halves for those that only one of them has (Mortensen et al., PanPhon, COLING
    2016); the distance is the mean, each sound counting as often as it is said. It is not symmetric: sounds that only
    the source has do no harm. ValueError where one of them has no sound.
    """
    import numpy as np  # only here: whoever asks for --help is not to wait for it

    if not target.shares or not source.shares:
        raise ValueError("an inventory without sounds covers none")
    wanted, there = (np.array([_features(sound) for sound in one.shares]) for one in (target, source))
    nearest = (np.abs(wanted[:, None] - there[None]).mean(-1) / 2).min(1)
    weights = np.array([*target.shares.values()])
    loss = nearest * weights
    lacking = sorted((-lost, sound) for lost, sound in zip(loss, target.shares, strict=True) if lost > 0)
    return Coverage(float(loss.sum() / weights.sum()), tuple(sound for _, sound in lacking))


def why_unread(language: Language) -> str | None:
    """Why the sounds of transcripts in the language cannot be told here; None where they can."""
    if not can_compare_sounds():
        return "panphon is not installed (pip install 'hf_speech_tl[ipa]')"
    if is_phonetic(language):
        return None
    reader = find_reader(language)
    if reader is None:
        return f"nothing reads {language.name} ({language.tag}) into the phonetic alphabet"
    return None if is_installed(reader) else f"{reader.engine}, which reads {language.name}, is not installed"


def _features(sound: str) -> list[int]:
    """-1, 0 or 1 for each of the 24 features of one sound."""
    features: list[int] = panphon().fm.word_to_vector_list(sound, numeric=True)[0]
    return features

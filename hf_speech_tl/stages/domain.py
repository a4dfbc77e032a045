"""How the recordings that a model will meet differ from those it learns from: sources of training, training, test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import datasets
import numpy as np

from hf_speech_tl.audio import RATE
from hf_speech_tl.audio.measure import measure
from hf_speech_tl.corpora import Corpus, load_corpus, samples, screen
from hf_speech_tl.errors import DataError
from hf_speech_tl.languages import Language, find_language
from hf_speech_tl.stages.gap import MEASURES, Pair, find_gaps

_SHORTEST = 0.1  # seconds, as in finetune
_HEARD = 60 * RATE  # samples: the first minute of a clip says what it sounds like


def compare_domains(
    lang: str,
    data: Sequence[str],
    sources: Sequence[tuple[str, str]] = (),
    *,
    clips: int = 200,
    seed: int = 0,
    noise: str = "DIR",
    rir: str = "DIR",
    text_column: str | None = None,
    tier: str | None = None,
) -> list[Pair]:
    """The target's training split against its test split, then that of each source (language, data) against the former.

    data: what --data of finetune takes, one corpus all together; sources: a corpus each. `clips` are drawn from each
    split by `seed`; `noise` and `rir` are the folders that remedies name. Raises SettingsError and DataError as
    load_corpus and screen do, and DataError for a split without clips.
    """
    # All tags and sources are looked at before the first clip is heard.
    language = find_language(lang)
    others = [(find_language(tag), source) for tag, source in sources]
    target = _drawn(load_corpus(data, language.tag, text_column=text_column, tier=tier), clips, seed)
    drawn = [_drawn(load_corpus([source], other.tag), clips, seed, only="train") for other, source in others]
    target = _heard(target, language)
    train, test = _values(target, "train"), _values(target, "test")
    name = "+".join(target.names)
    pairs = [Pair(f"{name} train", f"{name} test", find_gaps(train, test, noise=noise, rir=rir))]
    for (other, _), corpus in zip(others, drawn, strict=True):
        corpus = _heard(corpus, other)
        gaps = find_gaps(_values(corpus, "train"), train, noise=noise, rir=rir)
        pairs.append(Pair(f"{'+'.join(corpus.names)} train", f"{name} train", gaps))
    return pairs


def measure_rows(rows: datasets.Dataset) -> dict[str, list[float]]:
    """The measures of each row of a screened split, by the keys of MEASURES.

    Letters are those of the romanised transcript, so that scripts can be compared; a second is one of speech.
    """
    values: dict[str, list[float]] = {key: [] for key in MEASURES}
    for row in rows:
        heard = samples(row["audio"])
        share = min(1.0, _HEARD / len(heard))
        sound = measure(heard[:_HEARD])
        letters = share * sum(map(str.isalpha, row["transcript"]))
        values["bandwidth"].append(sound.bandwidth)
        values["snr"].append(sound.snr)
        values["tail"].append(sound.tail)
        values["level"].append(sound.level)
        values["clipped"].append(100 * sound.clipped)
        values["rate"].append(letters / sound.speech)
        values["silence"].append(100 * sound.silence)
        values["seconds"].append(row["seconds"])
    return values


def _drawn(corpus: Corpus, clips: int, seed: int, only: str | None = None) -> Corpus:
    """`corpus` with so many clips of training and test at most, and none of what is not asked for."""
    chosen = {}
    for split in ("train", "validation", "test"):
        rows = getattr(corpus, split)
        wanted = split != "validation" and only in (None, split)
        if wanted and not len(rows):
            raise DataError(f"{' '.join(corpus.names)}: there is no recording in its {split} split. Add some.")
        order = np.random.default_rng(seed).permutation(len(rows))
        chosen[split] = rows.select(sorted(order[: clips if wanted else 0].tolist()))
    return replace(corpus, **chosen)


def _heard(corpus: Corpus, language: Language) -> Corpus:
    """`corpus` without what cannot be used; clips of any length stay, for length is one of the measures."""
    return screen(
        corpus,
        language,
        "romanized",
        max_seconds=float("inf"),
        min_seconds=_SHORTEST,
        frames_of=lambda seconds: round(seconds * RATE),
        threads=1,
    )


def _values(corpus: Corpus, split: str) -> Mapping[str, Sequence[float]]:
    rows = getattr(corpus, split)
    if not len(rows):
        raise DataError(f"{' '.join(corpus.names)}: no recording of its {split} split can be used.")
    return measure_rows(rows)

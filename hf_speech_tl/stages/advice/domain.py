"""How the recordings that a model will meet differ from those it learns from: sources of training, training, test."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import datasets
import numpy as np

from hf_speech_tl.audio import RATE, BadAudio
from hf_speech_tl.audio.measure import measure
from hf_speech_tl.corpora import load_corpus, samples
from hf_speech_tl.errors import DataError
from hf_speech_tl.languages import Language, Unspeakable, find_language, is_mandarin, transcript
from hf_speech_tl.stages.advice.gap import MEASURES, Pair, find_gaps
from hf_speech_tl.stages.reading import SHORTEST

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
    load_corpus, and DataError for a split of which less than half can be used.
    """
    language = find_language(lang)
    others = [find_language(tag) for tag, _ in sources]
    # All sources are read before the first clip is heard.
    target = load_corpus(data, language.tag, text_column=text_column, tier=tier)
    corpora = [load_corpus([source], other.tag) for other, (_, source) in zip(others, sources, strict=True)]
    latin = len({one.script for one in (language, *others)}) > 1 or is_mandarin(language)

    def hear(rows: datasets.Dataset, name: str, spoken: Language) -> dict[str, list[float]]:
        order = np.random.default_rng(seed).permutation(len(rows))[:clips]
        return measure_rows(rows.select(np.sort(order)), name, lambda text: count_letters(text, spoken, latin=latin))

    def compare(learnt: dict[str, list[float]], learnt_name: str, met: dict[str, list[float]], met_name: str) -> Pair:
        return Pair(learnt_name, met_name, find_gaps(learnt, met, noise=noise, rir=rir))

    train_name, test_name = (f"{'+'.join(target.names)} {split}" for split in ("train", "test"))
    train, test = hear(target.train, train_name, language), hear(target.test, test_name, language)
    pairs = [compare(train, train_name, test, test_name)]
    for other, corpus in zip(others, corpora, strict=True):
        name = f"{'+'.join(corpus.names)} train"
        pairs.append(compare(hear(corpus.train, name, other), name, train, train_name))
    return pairs


def measure_rows(rows: datasets.Dataset, name: str, letters: Callable[[str], float]) -> dict[str, list[float]]:
    """The measures of each row that can be used, by the keys of MEASURES; `letters` counts those of a transcript.

    The rate of speech is in letters a second of speech. Raises DataError, which calls the rows `name`, where less than
    half of them can be used.
    """
    values: dict[str, list[float]] = {key: [] for key in MEASURES}
    for row in rows:
        try:
            heard = samples(row["audio"])
        except BadAudio:
            continue
        if len(heard) < SHORTEST * RATE:
            continue
        share = min(1.0, _HEARD / len(heard))
        sound = measure(heard[:_HEARD])
        values["bandwidth"].append(sound.bandwidth)
        values["snr"].append(sound.snr)
        values["tail"].append(sound.tail)
        values["level"].append(sound.level)
        values["clipped"].append(100 * sound.clipped)
        values["rate"].append(share * letters(row["text"] or "") / sound.speech)
        values["silence"].append(100 * sound.silence)
        values["seconds"].append(len(heard) / RATE)
    if not len(rows) or 2 * len(values["seconds"]) < len(rows):
        raise DataError(
            f"{name}: {len(values['seconds'])} of {len(rows)} recordings can be used; a comparison needs at least one, "
            "and half of them. Mend the others, or name other recordings."
        )
    return values


def count_letters(text: str, language: Language, *, latin: bool) -> float:
    """Letters of a transcript, those of its romanisation where scripts are to be compared; NaN where it has none."""
    try:
        words = transcript(text, language, "romanized" if latin else "char")
    except Unspeakable:
        return math.nan
    return sum(not (character.isspace() or character.isdigit()) for character in words) or math.nan

"""How much of an epoch each source and each language has."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from hf_speech_tl.corpora import Corpus


@dataclass(frozen=True)
class Share:
    """One language of the training split: its hours, and its share of the audio of an epoch."""

    hours: float
    share: float


def row_weights(corpus: Corpus, temperature: float) -> np.ndarray | None:
    """How often an epoch holds each training row, float32 `(rows,)`; None where it is once for all.

    That is what the row's source is given, times what the `temperature` T makes of its language: alone, it gives a
    language with h of all H hours the share (h / H) ** (1 / T), over the sum of these, and leaves an epoch as long as
    it was. The exponent is 0.7 in multilingual BERT (Devlin et al. 2019), 0.5 in XLS-R (Babu et al. 2021,
    arXiv:2111.09296), there called alpha.
    """
    if not corpus.weighted and (temperature == 1 or len(set(corpus.languages)) == 1):
        return None
    weights = _source_weights(corpus, temperature)
    return weights[_source_numbers(corpus)].astype(np.float32)


def language_shares(corpus: Corpus, temperature: float) -> dict[str, Share]:
    """What an epoch has of each language, by its tag; without those that have nothing to train on."""
    hours = _source_hours(corpus)
    trained = hours * _source_weights(corpus, temperature)
    sources = defaultdict(list)
    for at, tag in enumerate(corpus.languages):
        sources[tag].append(at)
    return {
        tag: Share(float(hours[places].sum()), float(trained[places].sum() / trained.sum()))
        for tag, places in sources.items()
        if hours[places].any()
    }


def _source_weights(corpus: Corpus, temperature: float) -> np.ndarray:
    """How often an epoch holds a row of each source, `(sources,)`."""
    weights = np.array(corpus.weights, np.float64)
    if temperature == 1:
        return weights
    hours: dict[str, float] = defaultdict(float)
    for tag, of_source in zip(corpus.languages, _source_hours(corpus), strict=True):
        hours[tag] += of_source
    total = sum(hours.values())
    powers = {tag: (of_language / total) ** (1 / temperature) for tag, of_language in hours.items()}
    of_all = sum(powers.values())
    # A language without a training row has no row to weigh.
    factors = {tag: power / of_all * total / hours[tag] if power else 1.0 for tag, power in powers.items()}
    return weights * [factors[tag] for tag in corpus.languages]


def _source_hours(corpus: Corpus) -> np.ndarray:
    """Hours of training rows of each source, `(sources,)`."""
    seconds = np.asarray(corpus.train.with_format("numpy")["seconds"][:], np.float64)
    return np.bincount(_source_numbers(corpus), seconds, len(corpus.names)) / 3600


def _source_numbers(corpus: Corpus) -> np.ndarray:
    """The number of each training row's source, `(rows,)`."""
    numbers = {name: at for at, name in enumerate(corpus.names)}
    sources = corpus.train["source"]
    return np.fromiter((numbers[source] for source in sources), np.int32, len(sources))

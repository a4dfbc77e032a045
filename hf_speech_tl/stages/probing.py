"""Labelled clips that an encoder is probed with: a few minutes to learn from, and others to be judged by."""

from __future__ import annotations

from dataclasses import replace

import datasets
import numpy as np

from hf_speech_tl.corpora import Corpus, inaudible, without
from hf_speech_tl.models import FeatureExtractor, Vocabulary
from hf_speech_tl.stages.teaching import choose_validation
from hf_speech_tl.training import Clips, Labels, Probe

PROBED_SECONDS = 600.0  # of labelled training clips
LEAST_PROBED = 16  # labelled clips, to learn from and to be judged by: fewer say nothing


def draw_labelled(rows: datasets.Dataset, seconds: float, seed: int, *, least: int = 0) -> datasets.Dataset:
    """Rows of a training split with a transcript, drawn at random: `seconds` of audio at most, or as many clips as
    `least` where these are longer, all of it decodable."""
    labelled = np.random.default_rng(seed).permutation(_labelled(rows))
    lengths = np.cumsum(np.asarray(rows["seconds"][:])[labelled])
    drawn = rows.select(labelled[(lengths <= seconds) | (np.arange(len(lengths)) < least)])
    return without(drawn, {row.id for row in inaudible(drawn, "train")} if len(drawn) else set())


def draw_probe(corpus: Corpus, seconds: float, extractor: FeatureExtractor) -> Probe | None:
    """A probe that learns from training clips of `corpus` that have a transcript, `seconds` of them or a few more, and
    is judged by at most 200 of the validation split that have one; None where there are too few."""
    # With any seed the same, as those of validation are; and so not of the rows that a lesson has room for.
    with_text = _labelled(corpus.validation)
    if len(with_text) < LEAST_PROBED:  # before any is decoded
        return None
    rows = draw_labelled(corpus.train, seconds, seed=0, least=LEAST_PROBED)
    _, judged = choose_validation(replace(corpus, validation=corpus.validation.select(with_text)))
    return make_probe(rows, judged, extractor)


def make_probe(rows: datasets.Dataset, judged: datasets.Dataset, extractor: FeatureExtractor) -> Probe | None:
    """A probe that learns from `rows` and is judged by others, all of which have romanised transcripts; None where
    there are too few."""
    if min(len(rows), len(judged)) < LEAST_PROBED:
        return None
    vocabulary = Vocabulary.of(rows["transcript"][:])
    return Probe(
        train=Clips(rows, Labels(rows, vocabulary.encode)),
        validation=Clips(judged, Labels(judged, vocabulary.encode)),
        references=judged["transcript"][:],
        vocabulary=vocabulary,
        feature_extractor=extractor,
        spaced=True,  # where there are spaces, they count
    )


def _labelled(rows: datasets.Dataset) -> np.ndarray:
    return np.array([at for at, transcript in enumerate(rows["transcript"][:]) if transcript], np.int64)

"""Labelled clips that an encoder is probed with: a few minutes to learn from, and others to be judged by."""

from __future__ import annotations

import os

import datasets
import numpy as np

from hf_speech_tl.corpora import inaudible
from hf_speech_tl.models import FeatureExtractor, Vocabulary
from hf_speech_tl.training import Clips, Labels, Probe

PROBED_SECONDS = 600.0  # of labelled training clips
LEAST_PROBED = 16  # labelled clips, to learn from and to be judged by: fewer say nothing


def draw_labelled(rows: datasets.Dataset, seconds: float, seed: int) -> datasets.Dataset:
    """Rows of a training split with a transcript, drawn at random: `seconds` of audio at most, all of it decodable."""
    labelled = np.random.default_rng(seed).permutation(_labelled(rows))
    lengths = np.cumsum(np.asarray(rows["seconds"][:])[labelled])
    drawn = rows.select(labelled[lengths <= seconds])
    bad = {row.id for row in inaudible(drawn, "train", threads=os.cpu_count() or 1)} if len(drawn) else set()
    return drawn.select([at for at, name in enumerate(drawn["id"][:]) if name not in bad])


def make_probe(rows: datasets.Dataset, validation: datasets.Dataset, extractor: FeatureExtractor) -> Probe | None:
    """A probe that learns from `rows`, all of them labelled, and is judged by those of `validation` that are; None
    where there are too few. Transcripts are romanised."""
    judged = validation.select(_labelled(validation))
    if min(len(rows), len(judged)) < LEAST_PROBED:
        return None
    vocabulary = Vocabulary.of(rows["transcript"][:])
    return Probe(
        train=Clips(rows, Labels(rows, vocabulary.encode)),
        validation=Clips(judged, Labels(judged, vocabulary.encode)),
        references=judged["transcript"][:],
        vocabulary=vocabulary,
        feature_extractor=extractor,
        spaced=True,  # as romanised text is in any language
    )


def _labelled(rows: datasets.Dataset) -> np.ndarray:
    return np.array([at for at, transcript in enumerate(rows["transcript"][:]) if transcript], np.int64)

"""Which clips a probe learns from and is judged by."""

from __future__ import annotations

import pytest
from tiny import EXTRACTOR, tiny_rows

from hf_speech_tl.corpora import Corpus
from hf_speech_tl.stages.probing import LEAST_PROBED, draw_labelled, draw_probe


@pytest.fixture
def corpus() -> Corpus:
    """18 clips of each split have a transcript, among 40 to learn from and 400 for validation."""
    rows = {}
    for split, count in (("train", 40), ("validation", 400)):
        made = tiny_rows((0.1,) * count, ("ab",) * count)
        texts = ["ab" if at < 18 else "" for at in range(count)]
        rows[split] = made.remove_columns("transcript").add_column("transcript", texts)
    return Corpus(
        **rows,
        test=rows["train"].select([]),
        skipped=(),
        licenses=(),
        names=("noise",),
        languages=("it",),
        weights=(1.0,),
        fingerprint="",
        notes=(),
    )


def test_few_transcripts_among_many_recordings_are_enough(corpus: Corpus) -> None:
    probe = draw_probe(corpus, 600.0, EXTRACTOR)
    assert probe is not None and (len(probe.train), len(probe.references)) == (18, 18)


def test_long_clips_are_as_many_as_it_takes(corpus: Corpus) -> None:
    assert len(draw_labelled(corpus.train, 0.35, seed=0)) == 3
    assert len(draw_labelled(corpus.train, 0.35, seed=0, least=LEAST_PROBED)) == LEAST_PROBED
    assert draw_probe(corpus, 0.35, EXTRACTOR) is not None


def test_too_few_are_none(corpus: Corpus) -> None:
    few = Corpus(**{**vars(corpus), "validation": corpus.validation.select(range(10, 400))})
    assert draw_probe(few, 600.0, EXTRACTOR) is None

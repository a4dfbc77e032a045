from __future__ import annotations

import numpy as np
import pytest

from hf_speech_tl.training import CONTRASTIVE_SHARE, PREDICTION_SHARE, Spans


def masks(spans: Spans, frames: int, count: int = 400) -> np.ndarray:
    generator = np.random.default_rng(0)
    return np.stack([spans.draw(frames, generator) for _ in range(count)])


@pytest.mark.parametrize("share", [CONTRASTIVE_SHARE, PREDICTION_SHARE, 1.0, 0.01])
@pytest.mark.parametrize("length", [1, 5, 10])
def test_some_frames_are_masked_and_never_all(share: float, length: int) -> None:
    for frames in range(2, 45):
        drawn = masks(Spans(share, length), frames, 60)
        assert drawn.shape == (60, frames) and drawn.dtype == bool
        assert drawn.any(axis=1).all() and not drawn.all(axis=1).any()


def test_a_single_frame_stays() -> None:
    assert masks(Spans(0.8, 10), 1, 1).tolist() == [[False]]


@pytest.mark.parametrize(
    ("share", "frame_rate", "masked"),
    [
        (CONTRASTIVE_SHARE, 50.0, 0.49),
        (PREDICTION_SHARE, 50.0, 0.57),
        (CONTRASTIVE_SHARE, 25.0, 0.50),
        (PREDICTION_SHARE, 25.0, 0.58),
    ],
)
def test_so_many_frames_are_masked_as_the_papers_say(share: float, frame_rate: float, masked: float) -> None:
    spans = Spans.at_rate(share, frame_rate)
    assert masks(spans, round(10 * frame_rate), 1_000).mean() == pytest.approx(masked, abs=0.006)


def test_spans_are_whole_and_as_many_as_the_share_says() -> None:
    # So few that they hardly ever touch: each run of masked frames is a span.
    drawn = masks(Spans(0.15, 10), 100, 2_000)
    edges = np.diff(np.pad(drawn, ((0, 0), (1, 1))).astype(int), axis=1)
    starts, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    lengths = ends[:, 1] - starts[:, 1]
    assert lengths.min() == 10
    assert {1, 2} == set(np.bincount(starts[:, 0]))  # one or two of 1.5
    assert drawn.sum() == pytest.approx(2_000 * 15, rel=0.06)  # less where two overlap


def test_a_span_is_a_fifth_of_a_second() -> None:
    assert [Spans.at_rate(0.65, rate).length for rate in (50.0, 25.0, 12.5, 1.0)] == [10, 5, 2, 1]


def test_the_generator_alone_decides() -> None:
    spans = Spans.at_rate(PREDICTION_SHARE, 50.0)
    np.testing.assert_array_equal(masks(spans, 120, 5), masks(spans, 120, 5))
    assert len({mask.tobytes() for mask in masks(spans, 120, 50)}) == 50

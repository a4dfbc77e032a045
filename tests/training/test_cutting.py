"""Pieces that cost alike hold all clips, whatever rounding does."""

from __future__ import annotations

import numpy as np
import pytest

from hf_speech_tl.training.cutting import cut_alike


@pytest.mark.parametrize("cost", [1.9999999999999996, 0.1, 1 / 3, 5.000000000000001, 7.3])
def test_equal_costs_are_cut_into_just_so_many_pieces(cost: float) -> None:
    for clips in range(1, 40):
        for pieces in range(1, clips + 1):
            bounds = cut_alike(np.full(clips, cost), pieces)
            assert bounds[0] == 0 and bounds[-1] == clips
            assert len(bounds) == pieces + 1 and (np.diff(bounds) > 0).all()
            assert np.diff(bounds).max() == -(-clips // pieces)


def test_the_costliest_piece_costs_little_more_than_the_mean() -> None:
    costs = np.sort(np.random.default_rng(0).gamma(2.0, 2.0, 500))[::-1]
    bounds = cut_alike(costs, 20)
    work = np.diff(bounds) * costs[bounds[:-1]]
    assert len(bounds) == 21 and work.max() < 1.15 * costs.sum() / 20

"""Clips of many lengths, cut into pieces that take equally long."""

from __future__ import annotations

import numpy as np

_TRIALS = 16  # of a limit, each of which halves what is left to try


def costs_of(lengths: np.ndarray, quadratic: float) -> np.ndarray:
    """What clips of these lengths in seconds cost, in seconds; at a length of `quadratic` attention, which grows with
    its square, doubles it."""
    return lengths * (1 + lengths / quadratic)


def cut_alike(costs: np.ndarray, pieces: int) -> np.ndarray:
    """Where to cut clips of these costs, the highest first, into so many pieces that the costliest of them costs as
    little as can be, though each clip costs as much as the first of its piece: `(pieces + 1,)`.

    There are at least as many clips as pieces.
    """

    def bounds(limit: float) -> list[int]:
        found = [0]
        while found[-1] < len(costs):
            found.append(min(len(costs), found[-1] + max(1, int(limit / costs[found[-1]]))))
        return found

    # A little more than as many of the costliest as each piece has at most: rounding must not make it one less.
    low, high = float(costs.sum()) / pieces, float(costs[0]) * -(-len(costs) // pieces) * (1 + 1e-9)
    for _ in range(_TRIALS):
        middle = (low + high) / 2
        low, high = (middle, high) if len(bounds(middle)) > pieces + 1 else (low, middle)
    best = np.array(bounds(high))
    while len(best) <= pieces:
        clips = np.diff(best)
        at = int(np.argmax(np.where(clips > 1, clips * costs[best[:-1]], 0.0)))
        best = np.insert(best, at + 1, best[at] + clips[at] // 2)
    return best

"""Muon: the step of a matrix is its momentum made orthogonal, so that every direction is learnt at the same rate.

Jordan et al. 2024 (kellerjordan.github.io/posts/muon). Here the rows of a matrix are made orthogonal to those of their
own block only, as between two full steps of MuonBP (Khaled et al. 2025, arXiv:2510.16981): an eighth of the work.
docs/speed.md has what a step of either is worth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

_MOMENTUM = 0.95
_ROUNDS = 5
_BLOCK = 64  # rows, or columns where those are fewer
_TOGETHER = 16  # matrices made orthogonal at once; each takes some copies of itself
_A, _B, _C = 3.4445, -4.7750, 2.0315  # Jordan's: steepest at 0, and good enough near 1


@torch.no_grad()
def muon_step(
    parameters: Iterable[Tensor],
    state: defaultdict[Tensor, Any],
    *,
    rate: float,
    weight_decay: float,
) -> None:
    """Move each matrix that has a gradient; its momentum is kept in `state`.

    rate: the length of the step in every direction; longer by the root of how much taller than wide the matrix is.
    """
    alike: dict[torch.Size, list[Tensor]] = {}
    for parameter in parameters:
        if parameter.grad is not None:
            alike.setdefault(parameter.shape, []).append(parameter)
    for (rows, columns), of_shape in alike.items():
        for start in range(0, len(of_shape), _TOGETHER):
            matrices = of_shape[start : start + _TOGETHER]
            steps = orthogonal(torch.stack([_ahead(matrix, state) for matrix in matrices]))
            for matrix, step in zip(matrices, steps, strict=True):
                matrix.mul_(1 - rate * weight_decay).add_(step, alpha=-rate * max(1.0, rows / columns) ** 0.5)


def _ahead(matrix: Tensor, state: defaultdict[Tensor, Any]) -> Tensor:
    """The gradient with Nesterov's momentum, which `state` keeps."""
    gradient = cast("Tensor", matrix.grad)
    kept = state[matrix]
    if not kept:
        kept["momentum_buffer"] = torch.zeros_like(gradient)
    momentum = kept["momentum_buffer"]
    momentum.lerp_(gradient, 1 - _MOMENTUM)
    return gradient.lerp(momentum, _MOMENTUM)


def orthogonal(matrices: Tensor) -> Tensor:
    """Matrices `(batch, rows, columns)`, float32, with the singular values of each block of rows brought near 1, and
    nothing else changed. Of matrices with more rows than columns it is a block of columns."""
    tall = matrices.shape[1] > matrices.shape[2]
    wide = matrices.mT if tall else matrices
    rows, columns = wide.shape[1:]
    together = min(rows, _BLOCK)
    blocks = functional.pad(wide, (0, 0, 0, -rows % together)).reshape(-1, together, columns)
    # The largest singular value is at most the Frobenius norm.
    blocks = blocks / blocks.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    near = _near(blocks).reshape(len(wide), -1, columns)[:, :rows]
    return near.mT if tall else near


def _near(wide: Tensor) -> Tensor:
    """The polynomial of each round, of odd powers, is one of `wide @ wide.mT` times `wide`; so is that of all rounds.

    Two products of the wide matrix then do instead of two a round; all others are of `(rows, rows)`.
    """
    gram, factor = wide @ wide.mT, None
    one = _A * torch.eye(wide.shape[1], device=wide.device)
    for left in reversed(range(_ROUNDS)):
        step = one + torch.baddbmm(gram, gram, gram, beta=_B, alpha=_C)
        factor = step if factor is None else step @ factor
        if left:
            gram = step @ gram @ step
    assert factor is not None
    return factor @ wide

"""Muon: the step of a matrix is its momentum made orthogonal, so that every direction is learnt at the same rate.

Jordan et al. 2024 (kellerjordan.github.io/posts/muon). torch has one too, which computes in bfloat16 whatever the
machine: on a CPU without instructions for that, it takes a hundred times as long as the rest of a training step.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor

_MOMENTUM = 0.95
_ROUNDS = 5
_TOGETHER = 16  # matrices made orthogonal at once; each takes some copies of itself
_A, _B, _C = 3.4445, -4.7750, 2.0315  # Jordan's: steepest at 0, and good enough near 1


@torch.no_grad()
def muon_step(
    parameters: Iterable[Tensor],
    state: defaultdict[Tensor, Any],
    *,
    rate: float,
    weight_decay: float,
    dtype: torch.dtype,
) -> None:
    """Move each matrix that has a gradient; its momentum is kept in `state`.

    rate: the length of the step in every direction; longer by the root of how much taller than wide the matrix is.
    dtype: what the orthogonalisation is computed in.
    """
    alike: dict[torch.Size, list[Tensor]] = {}
    for parameter in parameters:
        if parameter.grad is not None:
            alike.setdefault(parameter.shape, []).append(parameter)
    for (rows, columns), of_shape in alike.items():
        for start in range(0, len(of_shape), _TOGETHER):
            matrices = of_shape[start : start + _TOGETHER]
            steps = orthogonal(torch.stack([_ahead(matrix, state) for matrix in matrices]).to(dtype))
            for matrix, step in zip(matrices, steps.to(matrices[0].dtype), strict=True):
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
    """Matrices `(batch, rows, columns)` with their singular values brought near 1, and nothing else changed."""
    tall = matrices.shape[1] > matrices.shape[2]
    wide = matrices.mT if tall else matrices
    # The largest singular value is at most the Frobenius norm.
    wide = wide / wide.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    near = _near_in_small(wide) if _is_cheaper_in_small(wide) else _near(wide)
    return near.mT if tall else near


def _near(wide: Tensor) -> Tensor:
    for _ in range(_ROUNDS):
        wide = torch.baddbmm(wide, _polynomial(wide @ wide.mT), wide, beta=_A)
    return wide


def _is_cheaper_in_small(wide: Tensor) -> bool:
    """Where matrices are much wider than tall; in half precision what is left of the product is too little."""
    return wide.dtype == torch.float32 and wide.shape[2] >= 2 * wide.shape[1]


def _near_in_small(wide: Tensor) -> Tensor:
    """As `_near`, by way of `wide @ wide.mT`: a polynomial of it times `wide` is what comes out of every round.

    Two products of the wide matrix instead of two a round; all others are of `(rows, rows)`.
    """
    gram, factor = wide @ wide.mT, None
    one = _A * torch.eye(wide.shape[1])
    for left in reversed(range(_ROUNDS)):
        step = one + _polynomial(gram)
        factor = step if factor is None else step @ factor
        if left:
            gram = step @ gram @ step
    assert factor is not None
    return factor @ wide


def _polynomial(gram: Tensor) -> Tensor:
    return torch.baddbmm(gram, gram, gram, beta=_B, alpha=_C)

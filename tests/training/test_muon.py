from collections import defaultdict

import pytest
import torch
from torch import nn

from hf_speech_tl.training.muon import muon_step, orthogonal


def _matrices() -> list[nn.Parameter]:
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(shape)) for shape in ((8, 8), (8, 8), (8, 32), (32, 8))]


@pytest.mark.parametrize("shape", [(2, 8, 8), (2, 8, 32), (2, 32, 8)])
def test_singular_values_come_near_1_and_directions_stay(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    given = torch.randn(shape) * torch.logspace(0, -1, shape[1])[:, None]  # rows of very different weight
    made = orthogonal(given)
    left, sizes, right = torch.linalg.svd(given, full_matrices=False)
    polar = left @ right  # the orthogonal matrix nearest to what was given
    likeness = torch.cosine_similarity(made.flatten(1), polar.flatten(1), dim=1)
    assert likeness.min() > 0.97 > torch.cosine_similarity(given.flatten(1), polar.flatten(1), dim=1).max()
    assert (torch.linalg.svdvals(made) - 1).abs().max() < 0.4 < (sizes.max() - sizes.min())


@pytest.mark.parametrize("rows", [128, 100])
def test_blocks_of_rows_are_made_orthogonal_each_by_itself(rows: int) -> None:
    given = torch.randn(1, rows, 150, generator=torch.Generator().manual_seed(0))
    each = torch.cat([orthogonal(block) for block in given.split(64, dim=1)], dim=1)
    torch.testing.assert_close(orthogonal(given), each)
    torch.testing.assert_close(orthogonal(given.mT), each.mT)


def test_of_small_matrices_it_is_the_one_of_torch() -> None:
    ours, theirs = _matrices(), _matrices()
    state: defaultdict[torch.Tensor, dict] = defaultdict(dict)
    reference = torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1)
    for seed in range(3):
        torch.manual_seed(seed)
        for mine, its in zip(ours, theirs, strict=True):
            mine.grad = torch.randn_like(mine)
            its.grad = mine.grad.clone()
        muon_step(ours, state, rate=0.02, weight_decay=0.1)
        reference.step()
    for mine, its in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, its, rtol=0, atol=2e-3)


def test_a_matrix_without_a_gradient_stays_where_it_is() -> None:
    still, moved = _matrices()[:2]
    moved.grad = torch.ones_like(moved)
    before = still.detach().clone()
    muon_step([still, moved], defaultdict(dict), rate=0.02, weight_decay=0.1)
    assert torch.equal(still, before)

from __future__ import annotations

import torch
from torch.nn import functional

from hf_speech_tl.objectives import consistent_losses, ctc_losses
from hf_speech_tl.objectives.consistency import disagreement

FRAMES = torch.tensor([9, 6])
LABELS = torch.tensor([[1, 2, 3], [4, -100, -100]])


def logits(seed: int = 0, frames: int = 9) -> torch.Tensor:
    return torch.randn(2, frames, 5, generator=torch.Generator().manual_seed(seed))


def test_views_that_are_equal_agree() -> None:
    same = torch.cat([logits(), logits()]).log_softmax(-1)
    twice = torch.cat([FRAMES, FRAMES])
    assert torch.equal(disagreement(same, twice), torch.zeros(2))
    torch.testing.assert_close(consistent_losses(same, twice, LABELS, 0, 0.2), ctc_losses(same[:2], FRAMES, LABELS, 0))


def test_the_loss_is_the_paper_s() -> None:
    one, other = logits(0).log_softmax(-1), logits(1).log_softmax(-1)
    found = consistent_losses(torch.cat([one, other]), torch.cat([FRAMES, FRAMES]), LABELS, 0, 0.2)
    for at, count in enumerate((3, 1)):
        a, b = one[at, : FRAMES[at]], other[at, : FRAMES[at]]
        labels = LABELS[at, :count]
        ctc = sum(functional.ctc_loss(x, labels, FRAMES[at], torch.tensor(count), reduction="sum") for x in (a, b)) / 2
        agreement = ((a.exp() * (a - b)).sum() + (b.exp() * (b - a)).sum()) / 2
        torch.testing.assert_close(found[at], (ctc + 0.2 * agreement) / count)


def test_each_view_learns_from_the_other_as_given() -> None:
    one, other = logits(0).requires_grad_(), logits(1).requires_grad_()
    disagreement(torch.cat([one, other]).log_softmax(-1), torch.cat([FRAMES, FRAMES])).sum().backward()
    # Of a divergence from a fixed target, softmax - target is the gradient; half of it, and nothing through the target.
    half = (one.softmax(-1) - other.softmax(-1)).detach() / 2
    inside = (torch.arange(9) < FRAMES[:, None])[..., None]
    torch.testing.assert_close(one.grad, half * inside)
    torch.testing.assert_close(other.grad, -half * inside)


def test_padding_counts_for_nothing() -> None:
    short = torch.cat([logits(0), logits(1)])
    long = functional.pad(short, (0, 0, 0, 4), value=0.0)
    long[:, 9:] = torch.randn(4, 4, 5) * 50
    long.requires_grad_()
    twice = torch.cat([FRAMES, FRAMES])
    losses = consistent_losses(long.log_softmax(-1), twice, LABELS, 0, 0.2)
    torch.testing.assert_close(losses, consistent_losses(short.log_softmax(-1), twice, LABELS, 0, 0.2))
    losses.sum().backward()
    assert long.grad is not None and not long.grad[:, 9:].any() and long.grad[:, :6].any()

import torch

from hf_speech_tl.objectives import ctc_losses


def _log_probabilities(batch: int, frames: int, symbols: int = 5) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(batch, frames, symbols, requires_grad=True).log_softmax(-1)


def test_each_utterance_has_its_own_loss_a_label() -> None:
    scores = _log_probabilities(2, 12)
    labels = torch.tensor([[1, 2, 3], [4, -100, -100]])
    frames = torch.tensor([12, 7])
    losses = ctc_losses(scores, frames, labels, 0)
    alone = torch.nn.functional.ctc_loss(scores[1, :7], torch.tensor([4]), torch.tensor(7), torch.tensor(1))
    torch.testing.assert_close(losses[1], alone)
    whole = torch.nn.functional.ctc_loss(
        scores[0], torch.tensor([1, 2, 3]), torch.tensor(12), torch.tensor(3), reduction="sum"
    )
    torch.testing.assert_close(losses[0], whole / 3)


def test_more_labels_than_frames_give_no_loss_and_no_gradient() -> None:
    scores = torch.randn(1, 2, 5, requires_grad=True)
    loss = ctc_losses(scores.log_softmax(-1), torch.tensor([2]), torch.tensor([[1, 2, 3, 4]]), 0)
    loss.sum().backward()
    assert loss.item() == 0 and torch.equal(scores.grad, torch.zeros_like(scores))


def test_nothing_in_the_labels_is_finite() -> None:
    assert ctc_losses(_log_probabilities(1, 4), torch.tensor([4]), torch.tensor([[-100]]), 0).isfinite().all()

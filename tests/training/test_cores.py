import pytest
import torch
from tiny import EXTRACTOR, VOCABULARY, tiny_model, tiny_rows

from hf_speech_tl.training import Batch, Clips, Cores, collator, utterance_losses

_LENGTHS, _TEXTS = (0.6, 0.9, 0.75, 0.5, 0.55), ("ab", "d", "a", "b", "c")


def _batch() -> Batch:
    clips = Clips(tiny_rows(_LENGTHS, _TEXTS), [VOCABULARY.encode(text) for text in _TEXTS])
    return collator(EXTRACTOR)([clips[at] for at in range(len(_TEXTS))])


def _gradients(count: int) -> tuple[float, list[torch.Tensor]]:
    model = tiny_model().train()
    trained = list(model.parameters())

    def loss_of(batch: Batch) -> torch.Tensor:
        return utterance_losses(model, model.config, batch, VOCABULARY.blank).sum()

    cores = Cores(count)
    for _ in range(2):  # the second is added to the first
        loss = cores.backward(_batch(), loss_of, trained)
    return loss.item(), [parameter.grad for parameter in trained if parameter.grad is not None]


@pytest.mark.parametrize("count", [2, 3, 9])
def test_parts_add_up_to_the_gradient_of_the_whole(count: int, two_threads) -> None:
    model = tiny_model().train()
    loss = utterance_losses(model, model.config, _batch(), VOCABULARY.blank).sum()
    (2 * loss).backward()
    in_parts, gradients = _gradients(count)
    assert in_parts == pytest.approx(loss.item(), rel=1e-5)
    for ours, parameter in zip(gradients, [p for p in model.parameters() if p.grad is not None], strict=True):
        torch.testing.assert_close(ours, parameter.grad, rtol=1e-4, atol=1e-4)


def test_they_repeat_bit_by_bit_and_leave_torch_its_threads(two_threads) -> None:
    first, again = _gradients(3)[1], _gradients(3)[1]
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert torch.get_num_threads() == 2

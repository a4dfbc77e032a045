"""Two views that are to agree, through the trainer: one loss however the step is cut into pieces."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from test_trainer import LENGTHS, TEXTS, FixedBatches, assert_same, build
from tiny import VOCABULARY, in_pair, tiny_model, tiny_rows

from hf_speech_tl.settings import Augmentation
from hf_speech_tl.training import Augmenter, Clips, SpeechTrainer, utterance_losses

WEIGHT = 0.7


def trainer_of_views(directory: Path, batches: list[list[int]], **changes: object) -> SpeechTrainer:
    """A trainer on views of which one is softer and both are sped up alike."""
    augmenter = Augmenter(
        [Augmentation.plain("speed"), Augmentation("telephone", 0.5)], 0, frames_of=lambda samples: samples // 320
    )
    clips = Clips(tiny_rows(LENGTHS, TEXTS), [VOCABULARY.encode(text) for text in TEXTS], augmenter, views=2)
    return build(directory, FixedBatches(batches), train=clips, consistency=WEIGHT, **changes)


def one_step(directory: Path, batches: list[list[int]]) -> tuple[dict[str, torch.Tensor], float]:
    """Weights and logged loss after one SGD step, without clipping, over the given micro-batches."""
    trainer = trainer_of_views(directory, batches, steps=1, accumulation=len(batches), max_grad_norm=0.0)
    trainer.optimizer = torch.optim.SGD(
        [{"params": [*trainer.model.parameters()], "part": "encoder", "muon": False}], lr=0.1
    )
    trainer.args.logging_steps = trainer.state.logging_steps = 1
    trainer.train()
    loss = next(entry["loss"] for entry in trainer.state.log_history if "loss" in entry)
    return {key: value.clone() for key, value in trainer.model.state_dict().items()}, loss


def test_unequal_micro_batches_are_one_large_batch(tmp_path: Path) -> None:
    whole, loss = one_step(tmp_path / "a", [[0, 1, 2, 3, 4, 5, 6, 7]])
    pieces, same_loss = one_step(tmp_path / "b", [[3], [0, 1, 2], [4, 5, 6, 7]])
    assert loss == pytest.approx(same_loss, rel=1e-5)
    assert_same(whole, pieces)


_TWO_PROCESSES = """
import sys, torch
from pathlib import Path
from test_views import one_step
rank, directory = int(sys.argv[1]), Path(sys.argv[2])
state, loss = one_step(directory / "two", [[[3], [0, 1]], [[2, 4], [5, 6, 7]]][rank])
if rank == 0:
    torch.save((state, loss), directory / "two.pt")
"""


@pytest.mark.slow
def test_two_processes_are_one_large_batch(tmp_path: Path) -> None:
    whole, loss = one_step(tmp_path / "one", [[0, 1, 2, 3, 4, 5, 6, 7]])
    in_pair(_TWO_PROCESSES, tmp_path)
    both, same_loss = torch.load(tmp_path / "two.pt")
    assert loss == pytest.approx(same_loss, rel=1e-5)
    assert_same(whole, both)


def test_loss_does_not_depend_on_padding(tmp_path: Path) -> None:
    trainer = trainer_of_views(tmp_path, [[0]], steps=1)
    clips, model = trainer.train_dataset, trainer.model
    both = trainer.data_collator([clips[0, 1], clips[3, 1]])
    together = utterance_losses(model, model.config, both, 0, WEIGHT)
    alone = [utterance_losses(model, model.config, trainer.data_collator([clips[at, 1]]), 0, WEIGHT) for at in (0, 3)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-5, atol=1e-5)
    plain = Clips(clips.rows, clips.labels, clips.augmenter)
    once = utterance_losses(model, model.config, trainer.data_collator([plain[0, 1], plain[3, 1]]), 0)
    assert not torch.allclose(together, once)


def test_without_waveforms_of_their_own_the_views_are_masked_differently() -> None:
    model = tiny_model(mask_time_prob=0.5, mask_time_length=2).train()
    clips = Clips(tiny_rows(LENGTHS, TEXTS), [VOCABULARY.encode(text) for text in TEXTS])
    trainer_batch = {"inputs": torch.randn(2, 16_000), "attention_mask": torch.ones(2, 16_000, dtype=torch.long)}
    batch = trainer_batch | {"labels": torch.tensor([clips.labels[0], clips.labels[4]]), "ids": [], "seconds": 2.0}
    heard = []
    model.register_forward_hook(lambda *call: heard.append(call[-1].logits))
    utterance_losses(model, model.config, batch, 0, WEIGHT)
    one, other = heard[0].chunk(2)
    assert len(heard) == 1 and one.shape[0] == 2 and not torch.allclose(one, other)
    model.eval()
    torch.testing.assert_close(
        utterance_losses(model, model.config, batch, 0, WEIGHT), utterance_losses(model, model.config, batch, 0)
    )

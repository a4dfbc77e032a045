"""An objective through the trainer: one gradient however the step is cut, and one loss however it is validated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from test_trainer import LENGTHS, TEXTS, FixedBatches, assert_same
from tiny import EXTRACTOR, encoder_of, tiny_model, tiny_rows

from hf_speech_tl.models import frame_count
from hf_speech_tl.objectives import Distillation, Spread
from hf_speech_tl.training import Clips, Pretraining, Rates, SpeechTrainer, training_arguments
from hf_speech_tl.training.splitting import part_of


class Told:
    """Targets that depend on nothing but the clip."""

    def of(self, pulses: np.ndarray) -> np.ndarray:
        generator = np.random.default_rng(len(pulses))
        return generator.normal(size=(frame_count(tiny_model().config, len(pulses)), 6)).astype(np.float16)


def trainer_of(directory: Path, batches: list[list[int]]) -> SpeechTrainer:
    model = tiny_model()
    torch.manual_seed(1)
    objective = Distillation(encoder_of(model), 2, Spread(np.zeros(6, np.float32), np.ones(6, np.float32)))
    clips = Clips(tiny_rows(LENGTHS, TEXTS), targets=Told())
    task = Pretraining(objective, EXTRACTOR, clips)
    arguments = training_arguments(
        directory,
        steps=1,
        evaluations=1,
        accumulation=len(batches),
        precision="float32",
        seed=0,
        use_cpu=True,
        report_to=(),
        run_name="run",
        metric=task.metric,
    )
    arguments.max_grad_norm = 0.0
    trainer = SpeechTrainer(
        objective,
        arguments,
        task=task,
        train=clips,
        batches=FixedBatches(batches),
        rates=Rates(1e-2, 1e-2, 0.0, 0.1, 0),
        optimiser="adamw",
    )
    trainer.optimizer = torch.optim.SGD(
        [{"params": [*objective.parameters()], "part": "encoder", "muon": False}], lr=0.1
    )
    trainer.args.logging_steps = trainer.state.logging_steps = 1
    return trainer


def test_unequal_micro_batches_weigh_by_their_frames(tmp_path) -> None:
    found = []
    for name, batches in (("whole", [[0, 1, 2, 3, 4, 5, 6, 7]]), ("pieces", [[3], [0, 1, 2], [4, 5, 6, 7]])):
        trainer = trainer_of(tmp_path / name, batches)
        trainer.train()
        loss = next(entry["loss"] for entry in trainer.state.log_history if "loss" in entry)
        validated = next(entry["eval_loss"] for entry in trainer.state.log_history if "eval_loss" in entry)
        found.append((trainer.model.state_dict(), loss, validated))
    (whole, loss, validated), (pieces, same_loss, same_validated) = found
    assert loss == pytest.approx(same_loss, rel=1e-5) and validated == pytest.approx(same_validated, rel=1e-4)
    assert validated < loss
    assert_same(whole, pieces)


def test_a_part_of_a_batch_takes_its_own_targets_along(tmp_path) -> None:
    trainer = trainer_of(tmp_path, [[0]])
    task, objective = trainer._task, trainer.model.eval()
    batch = task.collate([task.validation[at] for at in range(5)])
    batch["masked"] = torch.arange(5)[:, None] > torch.arange(3)
    whole = objective(batch)
    for rows in (slice(None, 2), slice(2, None), slice(1, None, 2)):
        part = part_of(batch, rows)
        torch.testing.assert_close(objective(part), whole[rows], rtol=1e-4, atol=1e-4)
        assert part["ids"] == batch["ids"][rows] and torch.equal(part["masked"], batch["masked"][rows])
    assert sum(task.count(part_of(batch, slice(at, at + 1))) for at in range(5)) == task.count(batch)

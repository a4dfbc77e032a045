"""The average of the weights: what it is, that it outlives a kill, and when it is kept."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path

import pytest
import torch
from test_trainer import LENGTHS, build
from tiny import in_pair, tiny_model
from transformers import TrainerCallback

from hf_speech_tl.models import prepare_tuning
from hf_speech_tl.training import Batches, SpeechTrainer

_STEPS = 20  # of which a tenth is 2, so that each step counts half of the one after it


class _Notes(TrainerCallback):
    """The trained weights before the first step, and after each."""

    def __init__(self) -> None:
        self.weights: list[dict[str, torch.Tensor]] = []

    def on_train_begin(self, args, state, control, model, **_) -> None:
        named = model.named_parameters()
        self.weights.append({name: weight.detach().clone() for name, weight in named if weight.requires_grad})

    def on_step_end(self, *given, **named) -> None:
        self.on_train_begin(*given, **named)


def averaged(
    directory: Path, *, tuning: str = "full", stop: int | None = None, resume: Path | None = None
) -> tuple[SpeechTrainer, _Notes]:
    """Twenty steps with four evaluations; without a word after `stop` of them. One of two processes takes its part."""
    batches = Batches(list(LENGTHS), 3.0, 0, count=_STEPS)
    model = prepare_tuning(tiny_model(), tuning, fresh=False, rank=2)
    trainer = build(directory, batches, steps=_STEPS, evaluations=4, model=model, averaged=True)
    batches.process, batches.processes = trainer.accelerator.process_index, trainer.accelerator.num_processes
    notes = _Notes()
    trainer.add_callback(notes)
    step = trainer.training_step

    def train(*arguments):
        if trainer.state.global_step == stop:
            raise KeyboardInterrupt
        return step(*arguments)

    trainer.training_step = train  # type: ignore[method-assign]
    if resume:
        batches.start = json.loads((resume / "trainer_state.json").read_text())["global_step"]
    with contextlib.suppress(KeyboardInterrupt):
        trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    return trainer, notes


@pytest.mark.parametrize("tuning", ["full", "lora", "head"])
def test_it_is_what_a_hand_computes_of_the_weights_after_each_step(tuning: str, tmp_path) -> None:
    trainer, notes = averaged(tmp_path, tuning=tuning)
    assert len(notes.weights) == 1 + _STEPS and trainer.average.weights.keys() == notes.weights[0].keys()
    for name, average in trainer.average.weights.items():
        first, *later = (weights[name].double() for weights in notes.weights)
        shares = [0.5 ** (_STEPS - at) for at in range(_STEPS)]  # halved once more with each step that follows
        expected = 0.5**_STEPS * first + sum(share * one for share, one in zip(shares, later, strict=True))
        torch.testing.assert_close(average.double(), expected, rtol=1e-4, atol=1e-6)
    assert any(not torch.equal(one, trainer.average.weights[name]) for name, one in notes.weights[-1].items())


def test_a_resumed_run_ends_with_the_same_average(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("hf_speech_tl.training.checkpoints._SHARE", math.inf)
    whole, _ = averaged(tmp_path / "whole")
    averaged(tmp_path / "cut", stop=12)
    rest, _ = averaged(tmp_path / "cut", resume=tmp_path / "cut" / "checkpoint-10")
    assert rest.state.global_step == _STEPS and rest.average.weights.keys() == whole.average.weights.keys()
    assert all(torch.equal(one, rest.average.weights[name]) for name, one in whole.average.weights.items())
    assert rest.average.error == whole.average.error is not None


@pytest.mark.parametrize(("error", "kept"), [(0.29, True), (0.3, True), (0.31, False)])
def test_it_is_the_best_where_it_is_no_worse_with_the_last_steps_buffers(
    error: float, kept: bool, tmp_path, monkeypatch
) -> None:
    model = tiny_model()
    model.register_buffer("steps_seen", torch.zeros(()))
    batches = Batches(list(LENGTHS), 3.0, 0, count=4)
    trainer = build(tmp_path, batches, steps=4, evaluations=4, model=model, averaged=True)
    monkeypatch.setattr("hf_speech_tl.training.average._SPAN", 0.5)  # a tenth of four steps is none
    found = iter([0.5, 0.3, 0.4, 0.6, error])  # of the four steps, then of the average

    def evaluate(*_: object) -> dict[str, float]:
        model.steps_seen.fill_(trainer.state.global_step)
        return {"cer": next(found)}

    trainer._task.evaluate = evaluate
    trainer.train()
    assert trainer.average.error == error and trainer.state.best_metric == min(0.3, error)
    same = [torch.equal(trainer.best[name], one) for name, one in trainer.average.weights.items()]
    assert all(same) if kept else not all(same)
    assert trainer.best["steps_seen"] == (4 if kept else 2)


def test_a_run_that_is_asked_to_stop_does_not_judge_its_average_yet(tmp_path) -> None:
    trainer = build(tmp_path, Batches(list(LENGTHS), 3.0, 0, count=4), steps=4, averaged=True)
    trainer.interruption.asked = True
    trainer.train()
    assert trainer.state.global_step == 1 and trainer.average.weights and trainer.average.error is None


_TWO_PROCESSES = """
import sys, torch
from pathlib import Path
from test_average import averaged
rank, directory = int(sys.argv[1]), Path(sys.argv[2])
trainer, _ = averaged(directory / "two")
torch.save((trainer.average.weights, trainer.average.error), directory / f"{rank}.pt")
"""


@pytest.mark.slow
def test_two_processes_have_the_same_average(tmp_path) -> None:
    in_pair(_TWO_PROCESSES, tmp_path)
    (first, error), (second, same_error) = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert error == same_error and first.keys() == second.keys()
    assert all(torch.equal(weight, second[name]) for name, weight in first.items())

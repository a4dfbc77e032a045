"""Runs that have learnt their recordings by heart end early; all others go on."""

import contextlib
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from test_trainer import LENGTHS, build
from tiny import tiny_model
from transformers import TrainerCallback

from hf_speech_tl.training import Batches, Descent, Rates, SpeechTrainer, last_step
from hf_speech_tl.training.descent import find_descent

_STEPS = 20


def _log(cers: list[float], losses: list[float]) -> list[dict[str, float]]:
    """Of evaluations ten steps apart, before each of which a loss is logged."""
    pairs = zip(cers, losses, strict=True)
    lines = [
        ({"step": 10 * at, "loss": loss}, {"step": 10 * at, "eval_cer": cer}) for at, (cer, loss) in enumerate(pairs, 1)
    ]
    return [line for pair in lines for line in pair]


@pytest.mark.parametrize(
    ("cers", "losses", "found"),
    [
        ([0.5, 0.6, 0.6, 0.5], [1.9, 1.0, 0.7, 0.4], Descent(40, 60, 10)),  # as good again is no gain
        ([0.6, 0.5, 0.6, 0.6, 0.6], [0.1] * 5, Descent(50, 75, 20)),
        ([0.5, 0.6, 0.6], [0.1] * 3, None),  # not yet
        ([0.5, 0.6, 0.6, 0.4], [0.1] * 4, None),  # it gains
        ([0.5, 0.6, 0.6, 0.6], [0.1, 0.1, 0.1, 0.5], None),  # not by heart
        ([0.5, 0.6, 0.6, 0.6], [0.1, 0.1, 0.1, math.nan], None),
        ([], [], None),
    ],
)
def test_it_begins_where_nothing_is_gained_of_what_is_known_by_heart(cers, losses, found) -> None:
    assert find_descent(_log(cers, losses), "eval_cer", 3, 160) == found


def test_a_planned_end_as_near_is_left_alone_and_an_evaluation_before_the_first_step_does_not_count() -> None:
    log = _log([0.5, 0.6, 0.6, 0.6], [0.1] * 4)
    assert find_descent(log, "eval_cer", 3, 60) is None
    assert find_descent(log, "eval_cer", 3, 61) == Descent(40, 60, 10)
    assert find_descent([{"step": 0, "eval_cer": 0.1}, *log[:6]], "eval_cer", 3, 160) is None
    assert find_descent([{"step": 0, "eval_cer": 0.1}, *log], "eval_cer", 3, 160) == Descent(40, 60, 10)


def test_where_validations_are_closer_than_lines_of_the_log_the_last_line_decides() -> None:
    log = [line for line in _log([0.5, 0.6, 0.6, 0.6], [0.1, 0.1, 0.1, 0.9]) if line != {"step": 40, "loss": 0.9}]
    assert find_descent(log, "eval_cer", 3, 160) == Descent(40, 60, 10)


class _Watch(TrainerCallback):
    """What the rate was in each step, and what the head is after each evaluation."""

    def __init__(self) -> None:
        self.rates: dict[int, float] = {}
        self.heads: dict[int, torch.Tensor] = {}

    def on_step_begin(self, args, state, control, **kwargs) -> None:
        self.rates[state.global_step] = kwargs["optimizer"].param_groups[0]["lr"]

    def on_evaluate(self, args, state, control, **kwargs) -> None:
        self.heads[state.global_step] = kwargs["model"].lm_head.weight.detach().clone()


def _run(
    directory: Path,
    *,
    patience: int | None = 3,
    head_steps: int = 0,
    stop: int | None = None,
    resume: int | None = None,
) -> SpeechTrainer:
    """Twenty steps with ten evaluations, of which the second is the best; without a word after `stop` steps."""
    batches = Batches(list(LENGTHS), 3.0, 0, count=_STEPS)
    model = tiny_model(mask_time_prob=0.3, mask_time_length=2, hidden_dropout=0.1)
    changes = {"optimiser": "muon", "patience": patience, "rates": Rates(1e-2, 1e-2, 0.0, 0.1, head_steps)}
    trainer = build(directory, batches, steps=_STEPS, evaluations=10, model=model, **changes)
    torch.manual_seed(0), np.random.seed(0)
    trainer._task.evaluate = lambda _, moment: {"cer": 0.1 if moment.step == 4 else 0.2}  # type: ignore[method-assign]
    trainer.watch = _Watch()
    trainer.add_callback(trainer.watch)
    if stop:
        step = trainer.training_step
        trainer.training_step = lambda *a: (
            (_ for _ in ()).throw(KeyboardInterrupt) if trainer.state.global_step == stop else step(*a)
        )
    if resume:
        batches.start = resume
        batches.count = last_step(directory / f"checkpoint-{resume}", _STEPS)
    with contextlib.suppress(KeyboardInterrupt):
        trainer.train(resume_from_checkpoint=str(directory / f"checkpoint-{resume}") if resume else None)
    return trainer


@pytest.fixture
def known(monkeypatch) -> None:
    """Whatever the loss is, it counts as known by heart; every evaluation leaves a checkpoint."""
    monkeypatch.setattr("hf_speech_tl.training.descent._BY_HEART", math.inf)
    monkeypatch.setattr("hf_speech_tl.training.checkpoints._SHARE", math.inf)


def test_it_goes_back_to_its_best_weights_and_down_to_no_rate(tmp_path, known) -> None:
    trainer = _run(tmp_path)
    assert trainer.early.descent == Descent(begins=10, ends=15, best=4)
    assert trainer.state.global_step == 15 and trainer.state.max_steps == 15
    heads, rates = trainer.watch.heads, trainer.watch.rates
    assert torch.equal(heads[10], heads[4]) and not torch.equal(heads[8], heads[4])
    assert not torch.equal(heads[12], heads[4]) and 15 in heads  # it is judged at its end too
    # The step after the evaluation has the rate that was planned for it; from there it falls to none in five steps.
    planned = 0.01 * (20 - 10) / 18
    assert [rates[step] for step in range(10, 15)] == pytest.approx([planned * (15 - at) / 5 for at in range(10, 15)])


@pytest.mark.parametrize("changes", [{"patience": None}, {"patience": 8}, {"head_steps": 13}])
def test_without_patience_or_with_much_or_while_a_rate_rises_it_goes_on(changes, tmp_path, known) -> None:
    trainer = _run(tmp_path, **changes)
    assert trainer.early.descent is None and trainer.state.global_step == _STEPS


@pytest.mark.parametrize(("stop", "left"), [(9, 8), (11, 10), (13, 12)])
def test_a_resumed_run_ends_as_early_with_the_same_weights(stop: int, left: int, tmp_path, known) -> None:
    whole = _run(tmp_path / "whole")
    _run(tmp_path / "cut", stop=stop)
    rest = _run(tmp_path / "cut", resume=left)
    assert rest.state.global_step == 15 and rest.early.descent == whole.early.descent
    assert rest.best and whole.best
    for ours, theirs in zip(whole.model.parameters(), rest.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert all(torch.equal(weight, rest.best[name]) for name, weight in whole.best.items())


def test_resumed_at_its_early_end_nothing_more_is_trained(tmp_path, known) -> None:
    whole = _run(tmp_path)
    rest = _run(tmp_path, resume=15)
    assert rest.state.global_step == 15
    for ours, theirs in zip(whole.model.parameters(), rest.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)

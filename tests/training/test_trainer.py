"""The training facts, each with the test that fails without its correction."""

import contextlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import EXTRACTOR, VOCABULARY, in_pair, tiny_model, tiny_rows

from hf_speech_tl.decoding import Recognition
from hf_speech_tl.errors import RunError
from hf_speech_tl.models import prepare_tuning
from hf_speech_tl.training import Batches, Clips, Rates, SpeechTrainer, Transcription, training_arguments

LENGTHS = (0.6, 0.9, 0.8, 2.5, 0.7, 1.0, 1.9, 0.5)
TEXTS = ("ab", "abc d", "d", "a bad cab dab", "bb", "cab", "dad cab", "a")


class FixedBatches(Batches):
    """Given micro-batches instead of those that the sampler would make."""

    def __init__(self, given: list[list[int]]) -> None:
        super().__init__([], 1.0, 0, count=len(given))
        self.given = given

    def __iter__(self):
        for rows in self.given[self.start : self.count]:
            self.copies = [0] * len(rows)
            yield rows


def build(
    directory: Path, batches: Batches, *, steps: int, accumulation: int = 1, model=None, **changes
) -> SpeechTrainer:
    rows = tiny_rows(LENGTHS, TEXTS)
    clips = Clips(rows, [VOCABULARY.encode(text) for text in TEXTS])
    arguments = training_arguments(
        directory,
        steps=steps,
        evaluations=changes.pop("evaluations", 1),
        accumulation=accumulation,
        precision="float32",
        seed=0,
        use_cpu=True,
        report_to=changes.pop("report_to", ()),
        run_name="run",
        metric="cer",
    )
    arguments.max_grad_norm = changes.pop("max_grad_norm", 1.0)
    model = model or tiny_model()
    task = Transcription(
        config=model.config,
        feature_extractor=EXTRACTOR,
        vocabulary=VOCABULARY,
        validation=Clips(rows.select(range(2)), clips.labels[:2]),
        references=list(TEXTS[:2]),
        spaced=True,
        consistency=changes.pop("consistency", 0.0),
    )
    settings = dict(
        task=task,
        train=clips,
        batches=batches,
        rates=Rates(1e-2, 1e-2, 0.0, 0.1, 0),
        optimiser="adamw",
    )
    return SpeechTrainer(model, arguments, **(settings | changes))


def one_plain_step(
    directory: Path, batches: list[list[int]], trust: np.ndarray | None = None
) -> tuple[dict[str, torch.Tensor], float]:
    """Weights and logged loss after one SGD step, without clipping, over the given micro-batches."""
    trainer = build(directory, FixedBatches(batches), steps=1, accumulation=len(batches), max_grad_norm=0.0)
    trainer.train_dataset.trust = trust
    # Plain SGD shows the size of the gradient; Adam hides it. A step of some 1.5 in all: at a rate of 1, rounding alone
    # came to 1.5e-5 on a CPU with AVX2.
    trainer.optimizer = torch.optim.SGD(
        [{"params": [*trainer.model.parameters()], "part": "encoder", "muon": False}], lr=0.1
    )
    trainer.args.logging_steps = trainer.state.logging_steps = 1
    trainer.train()
    loss = next(entry["loss"] for entry in trainer.state.log_history if "loss" in entry)
    return {key: value.clone() for key, value in trainer.model.state_dict().items()}, loss


def assert_same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    for key, value in ours.items():
        torch.testing.assert_close(value, theirs[key], rtol=1e-5, atol=1e-5)


def test_unequal_micro_batches_are_one_large_batch(tmp_path) -> None:
    whole, loss = one_plain_step(tmp_path / "a", [[0, 1, 2, 3, 4, 5, 6, 7]])
    pieces, same_loss = one_plain_step(tmp_path / "b", [[3], [0, 1, 2], [4, 5, 6, 7]])
    assert loss == pytest.approx(same_loss, rel=1e-5)
    assert_same(whole, pieces)


def test_an_utterance_counts_as_far_as_its_transcript_is_trusted_whatever_shares_its_batch(tmp_path) -> None:
    """Against a slow reference: each clip alone, its loss times its trust, over the number of all."""
    trust = np.array([1, 0.9, 0.1, 0.5, 0.25, 1, 0.7, 0.01], np.float32)
    whole, loss = one_plain_step(tmp_path / "a", [[0, 1, 2, 3, 4, 5, 6, 7]], trust)
    pieces, same_loss = one_plain_step(tmp_path / "b", [[3], [0, 1, 2], [4, 5, 6, 7]], trust)
    assert loss == pytest.approx(same_loss, rel=1e-5)
    assert_same(whole, pieces)
    trainer = build(tmp_path / "c", FixedBatches([[0]]), steps=1)
    model, clips = tiny_model().train(), trainer.train_dataset
    alone = [trainer.compute_loss(model, trainer.data_collator([clips[at]]), num_items_in_batch=1) for at in range(8)]
    wanted = sum(one.item() * share for one, share in zip(alone, trust.tolist(), strict=True)) / 8
    assert loss == pytest.approx(wanted, rel=1e-4)
    sum(one * share / 8 for one, share in zip(alone, trust.tolist(), strict=True)).backward()
    stepped = {
        name: value.detach() - 0.1 * value.grad for name, value in model.named_parameters() if value.grad is not None
    }
    assert_same(stepped, whole)


_TWO_PROCESSES = """
import sys, torch
from pathlib import Path
from test_trainer import one_plain_step
rank, directory = int(sys.argv[1]), Path(sys.argv[2])
state, loss = one_plain_step(directory / "two", [[[3], [0, 1]], [[2, 4], [5, 6, 7]]][rank])
if rank == 0:
    torch.save((state, loss), directory / "two.pt")
"""


@pytest.mark.slow
def test_two_processes_are_one_large_batch(tmp_path) -> None:
    whole, loss = one_plain_step(tmp_path / "one", [[0, 1, 2, 3, 4, 5, 6, 7]])
    in_pair(_TWO_PROCESSES, tmp_path)
    both, same_loss = torch.load(tmp_path / "two.pt")
    assert loss == pytest.approx(same_loss, rel=1e-5)
    assert_same(whole, both)


@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_loss_does_not_depend_on_padding(tuning: str, tmp_path) -> None:
    model = prepare_tuning(tiny_model(), tuning, fresh=False, rank=2)
    trainer = build(tmp_path, FixedBatches([[0]]), steps=1, model=model)
    clips = trainer.train_dataset
    short = trainer.data_collator([clips[0]])
    both = trainer.data_collator([clips[0], clips[3]])
    alone = [trainer.compute_loss(model, trainer.data_collator([clips[at]]), num_items_in_batch=1) for at in (0, 3)]
    together = trainer.compute_loss(model, both, num_items_in_batch=1)
    assert short["inputs"].shape[1] < both["inputs"].shape[1]
    torch.testing.assert_close(sum(alone), together, rtol=1e-5, atol=1e-5)


def test_a_gradient_that_is_not_finite_is_left_out_and_counted(tmp_path) -> None:
    trainer = build(tmp_path, FixedBatches([[0, 1], [2, 3], [4, 5]]), steps=3)
    poisoned = trainer.compute_loss

    def poison(model, inputs, *rest, **more):
        loss = poisoned(model, inputs, *rest, **more)
        return loss * torch.nan if "clip2" in inputs["ids"] else loss

    trainer.compute_loss = poison
    trainer.train()
    assert trainer.finite.skipped == 1
    assert all(parameter.isfinite().all() for parameter in trainer.model.parameters())
    assert trainer.state.log_history[-2]["eval_steps_skipped"] == 1


def test_ten_such_gradients_in_a_row_stop_the_run_and_name_the_utterances(tmp_path) -> None:
    trainer = build(tmp_path, FixedBatches([[0, 1]] * 12), steps=12)
    trainer.compute_loss = lambda model, inputs, *_, **__: model(inputs["inputs"]).logits.sum() * torch.nan
    with pytest.raises(RunError, match=r"10 times in a row .*clip0, clip1"):
        trainer.train()


def test_it_learns_eight_clips_by_heart(tmp_path) -> None:
    rows = tiny_rows(LENGTHS, TEXTS)
    trainer = build(tmp_path, Batches(rows["seconds"], 20.0, 0, count=60), steps=60, optimiser="muon")
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert losses[-1] < 0.7 * losses[0]


def _run(
    directory: Path, stop: int | None = None, resume: str | None = None, cers: dict[int, float] | None = None
) -> SpeechTrainer:
    """Eight steps with four evaluations, of which `cers` gives the result; without a word after `stop` of them."""
    batches = Batches(list(LENGTHS), 3.0, 0, count=8)
    model = tiny_model(mask_time_prob=0.3, mask_time_length=2, hidden_dropout=0.1)
    trainer = build(directory, batches, steps=8, evaluations=4, model=model, optimiser="muon")
    torch.manual_seed(0), np.random.seed(0)
    if cers:
        trainer.evaluate = lambda *_, **__: {"eval_cer": cers[trainer.state.global_step]}  # type: ignore[method-assign]
    if stop:
        step = trainer.training_step
        trainer.training_step = lambda *a: (
            (_ for _ in ()).throw(KeyboardInterrupt) if trainer.state.global_step == stop else step(*a)
        )
    if resume:
        batches.start = json.loads(Path(resume, "trainer_state.json").read_text())["global_step"]
    with contextlib.suppress(KeyboardInterrupt):
        trainer.train(resume_from_checkpoint=resume)
    return trainer


def test_a_resumed_run_ends_with_the_same_weights(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("hf_speech_tl.training.checkpoints._SHARE", math.inf)
    whole = _run(tmp_path / "whole")
    _run(tmp_path / "cut", 5)
    rest = _run(tmp_path / "cut", None, str(tmp_path / "cut" / "checkpoint-4"))
    assert rest.state.global_step == 8
    for ours, theirs in zip(whole.model.parameters(), rest.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("best", [2, 4, 6])
@pytest.mark.parametrize("share", [1e-9, math.inf])
def test_the_best_weights_do_not_depend_on_which_evaluations_leave_a_checkpoint(
    best: int, share: float, tmp_path, monkeypatch
) -> None:
    cers = {step: abs(step - best) / 10 for step in (2, 4, 6, 8)}
    monkeypatch.setattr("hf_speech_tl.training.checkpoints._SHARE", math.inf)
    expected = _run(tmp_path / "expected", best + 1, cers=cers)  # stopped before anything else is trained
    monkeypatch.setattr("hf_speech_tl.training.checkpoints._SHARE", share)
    _run(tmp_path / "cut", 7, cers=cers)
    found = {path.name for path in (tmp_path / "cut").glob("checkpoint-*")}
    assert found == ({"checkpoint-2"} if share < 1 else {"checkpoint-4", "checkpoint-6"})
    rest = _run(tmp_path / "cut", None, str(tmp_path / "cut" / max(found)), cers)
    assert rest.state.global_step == 8 and rest.state.best_global_step == best
    assert rest.best and expected.best and rest.best.keys() == expected.best.keys()
    for name, weight in expected.best.items():
        assert torch.equal(weight, rest.best[name])
    assert not torch.equal(rest.best["lm_head.weight"], rest.model.state_dict()["lm_head.weight"])


def test_a_better_evaluation_takes_the_place_of_weights_that_a_checkpoint_held(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("hf_speech_tl.training.checkpoints._SHARE", math.inf)
    cers = {2: 0.1, 4: 0.3, 6: 0.3, 8: 0.0}
    _run(tmp_path / "cut", 7, cers=cers)
    assert (tmp_path / "cut" / "checkpoint-6" / "best.safetensors").is_file()
    rest = _run(tmp_path / "cut", None, str(tmp_path / "cut" / "checkpoint-6"), cers)
    assert rest.best and rest.state.best_global_step == 8
    assert all(torch.equal(weight, rest.best[name]) for name, weight in rest.model.state_dict().items())


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_the_log_has_the_rates_of_both_parts_and_the_interval_of_the_error(optimiser: str, tmp_path) -> None:
    batches = FixedBatches([[0, 1]] * 10)
    trainer = build(tmp_path, batches, steps=10, optimiser=optimiser, rates=Rates(1e-2, 3e-3, 0.0, 0.5, 0))
    heard = {0: Recognition("ab", 1.0, 0.5), 1: Recognition("d", 1.0, 0.5)}  # of "ab" and "abc d"
    trainer._task.recognise = lambda *_: heard
    trainer.train()
    training = next(entry for entry in trainer.state.log_history if "loss" in entry)
    # The tenth step's: after five steps of warm-up, 1/5 of the way down is left.
    assert training["learning_rate"] == pytest.approx(1e-2 / 5)
    assert training["head_learning_rate"] == pytest.approx(3e-3 / 5)
    validation = next(entry for entry in trainer.state.log_history if "eval_cer" in entry)
    error = [validation[f"eval_cer{name}"] for name in ("_low", "", "_high")]
    assert error == pytest.approx([0, 4 / 7, 4 / 5])


def test_with_the_head_alone_there_is_only_its_rate(tmp_path) -> None:
    model = prepare_tuning(tiny_model(), "head", fresh=False, rank=2)
    trainer = build(tmp_path, FixedBatches([[0, 1]] * 10), steps=10, model=model)
    trainer.train()
    training = next(entry for entry in trainer.state.log_history if "loss" in entry)
    assert "head_learning_rate" in training and "learning_rate" not in training

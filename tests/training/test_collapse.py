"""Runs that collapse are stopped with a reason, others are let alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny import EXTRACTOR, RATE, in_pair, tiny_model
from torch.nn.utils.rnn import pad_sequence
from transformers import Trainer, TrainerState, TrainingArguments

from hf_speech_tl.errors import RunError
from hf_speech_tl.models import Checkpoint, add_quantiser, frame_count, multiply_convolutions, pad
from hf_speech_tl.objectives import Contrastive, Tally, draw_negatives
from hf_speech_tl.training import CollapseGuard, GumbelTemperature
from hf_speech_tl.training.temperature import gumbel_temperature

REMEDY = "lower --learning-rate"
GROUPS, CODES, NEGATIVES = 2, 16, 20


class Run(Trainer):
    """Contrastive pretraining of a tiny model, as short as can be."""

    def __init__(
        self, directory: Path, *, rate: float, steps: int = 60, warmup: int = 6, save: int = 0, **changes: object
    ) -> None:
        own = dict(num_codevector_groups=GROUPS, num_codevectors_per_group=CODES, codevector_dim=16)
        own |= dict(proj_codevector_dim=16, num_negatives=NEGATIVES)
        checkpoint = Checkpoint("tiny", tiny_model(**own | changes), EXTRACTOR, None, fresh=True)
        taught = Contrastive(add_quantiser(checkpoint)[0])
        multiply_convolutions(taught.model)
        self.guard = CollapseGuard(taught.tally, begin=warmup / steps, remedy=REMEDY)
        arguments = TrainingArguments(
            str(directory),
            max_steps=steps,
            per_device_train_batch_size=1,
            learning_rate=rate,
            warmup_steps=warmup,
            logging_steps=2,
            save_strategy="steps" if save else "no",
            save_steps=save or 1,
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            remove_unused_columns=False,
        )
        super().__init__(
            taught,
            arguments,
            train_dataset=[batch_of(taught, seed) for seed in range(8)],  # type: ignore[arg-type]
            data_collator=lambda batches: batches[0],
            callbacks=[self.guard, GumbelTemperature(taught.model)],
        )

    def compute_loss(self, model, inputs, *_, **__):
        return model(inputs).sum() / model.count(inputs)

    def log(self, logs, start_time=None):
        super().log(logs | self.guard.figures() if "loss" in logs else logs, start_time)

    def looks(self) -> list[dict[str, float]]:
        return [entry for entry in self.state.log_history if "code_perplexity" in entry]


def batch_of(taught: Contrastive, seed: int) -> dict[str, torch.Tensor]:
    """Clips of tones that change every 0.1 to 0.3 s, with half of their frames masked in spans of four."""
    generator = np.random.default_rng(seed)
    clips, masks, negatives = [], [], []
    for seconds in generator.uniform(1.0, 1.6, 6):
        tones = []
        while sum(map(len, tones)) < seconds * RATE:
            time = np.arange(round(generator.uniform(0.1, 0.3) * RATE)) / RATE
            tones.append(np.sin(2 * np.pi * 200 * 1.5 ** generator.integers(8) * time))
        clip = np.concatenate(tones).astype(np.float32)
        clips.append(clip + generator.normal(0, 0.05, len(clip)).astype(np.float32))
        masked = np.zeros(frame_count(taught.config, len(clip)), bool)
        starts = generator.choice(len(masked) - 4, len(masked) // 6, replace=False)
        masked[starts[:, None] + np.arange(4)] = True
        masks.append(torch.from_numpy(masked))
        negatives.append(torch.from_numpy(draw_negatives(masked, NEGATIVES, generator)))
    inputs, mask = pad(EXTRACTOR, clips)
    batch = {"inputs": inputs, "attention_mask": mask, "masked": pad_sequence(masks, batch_first=True)}
    return batch | {"negatives": pad_sequence(negatives, batch_first=True)}


def log_of(looks: list[tuple[float, float]], every: int = 10) -> list[dict[str, float]]:
    """A log of such perplexities and cosines, with what stands between them."""
    entries: list[dict[str, float]] = []
    for at, (perplexity, cosine) in enumerate(looks):
        look = {"code_perplexity": perplexity, "codes_in_use": 2.0, "prediction_cosine": cosine, "accuracy": 0.0}
        entries += [look | {"loss": 0.1, "step": (at + 1) * every}, {"eval_loss": 1.0, "step": (at + 1) * every}]
    return entries


def look_at(looks: list[tuple[float, float]], steps: int = 200, begin: float = 0.1, codes: int = 320) -> None:
    guard = CollapseGuard(Tally("code", 2, codes), begin=begin, remedy=REMEDY)
    state = TrainerState(max_steps=steps, logging_steps=10, log_history=log_of(looks))
    state.global_step = 10 * len(looks)
    guard.on_log(None, state, None)  # type: ignore[arg-type]


HEALTHY, ONE_CODE, SAME = (9.0, 0.5), (1.0, 0.5), (9.0, 0.999)


def test_five_bad_looks_in_a_row_stop_a_run_with_reason_figures_and_remedy() -> None:
    look_at([HEALTHY] * 4 + [ONE_CODE] * 4)
    with pytest.raises(RunError, match=r"step 90: .*same code.*last 5 .*1\.00 of 320, 2 of 640 codes.*--learning-rate"):
        look_at([HEALTHY] * 4 + [ONE_CODE] * 5)
    look_at([ONE_CODE] * 4 + [HEALTHY] + [ONE_CODE] * 4)


def test_a_long_run_has_more_patience() -> None:
    look_at([HEALTHY] * 30 + [ONE_CODE] * 19, steps=10_000, begin=0.01)
    with pytest.raises(RunError, match="last 20 "):
        look_at([HEALTHY] * 30 + [ONE_CODE] * 20, steps=10_000, begin=0.01)


def test_of_two_codes_both_are_enough() -> None:
    look_at([(1.9, 0.5)] * 20, codes=2)
    with pytest.raises(RunError, match="same code"):
        look_at([(1.05, 0.5)] * 20, codes=2)


def test_what_the_warm_up_does_counts_for_nothing() -> None:
    look_at([ONE_CODE] * 10, steps=1000)
    with pytest.raises(RunError):
        look_at([ONE_CODE] * 15, steps=1000)


def test_predictions_may_all_be_the_same_for_the_first_third() -> None:
    look_at([SAME] * 30, steps=1000)
    with pytest.raises(RunError, match="predicted is almost the same"):
        look_at([SAME] * 35, steps=1000)


def test_the_temperature_is_the_paper_s_over_the_length_of_a_run() -> None:
    assert gumbel_temperature(0, 300) == 2.0
    for step in (1, 50_000, 200_000, 276_000, 300_000, 400_000):
        assert gumbel_temperature(step, 400_000) == pytest.approx(max(2 * 0.999995**step, 0.5), rel=0.01)
    model = SimpleNamespace(get_submodule=lambda _: quantiser)
    quantiser = SimpleNamespace(temperature=2)
    state = TrainerState(max_steps=100)
    state.global_step = 30
    GumbelTemperature(model).on_step_begin(None, state, None)  # type: ignore[arg-type]
    assert quantiser.temperature == gumbel_temperature(30, 100) == pytest.approx(2 * 0.25 ** (0.3 / 0.69))


def test_a_run_that_learns_is_let_alone(tmp_path) -> None:
    run = Run(tmp_path, rate=2e-2, steps=40)
    run.train()
    looks = run.looks()
    assert looks[0]["prediction_cosine"] > 0.8  # as predictions begin
    assert looks[-1]["prediction_cosine"] < 0.6 and looks[-1]["code_perplexity"] > 4
    assert looks[-1]["accuracy"] > 1.5 * looks[0]["accuracy"]


def test_a_rate_that_makes_it_collapse_stops_it_though_the_loss_looks_splendid(tmp_path) -> None:
    run = Run(tmp_path, rate=1.0)
    with pytest.raises(
        RunError, match=r"same code.*perplexity 1\.00 of 16, 2 of 32 codes in use.*lower --learning-rate"
    ):
        run.train()
    assert run.state.global_step < 25 and run.looks()[-1]["loss"] < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("absurd", [dict(rate=0.1), dict(rate=1e-2, contrastive_logits_temperature=1e-3)])
def test_other_ways_to_collapse(absurd: dict, tmp_path) -> None:
    run = Run(tmp_path, **absurd)
    with pytest.raises(RunError, match="learns nothing more"):
        run.train()
    assert run.state.global_step < 60


def test_a_resumed_run_ends_with_the_same_weights_and_the_same_log(tmp_path) -> None:
    def run(resume: str | None = None) -> Run:
        torch.manual_seed(0)
        made = Run(tmp_path, rate=1e-2, steps=8, save=4)
        made.train(resume_from_checkpoint=resume)
        return made

    whole, rest = run(), run(str(tmp_path / "checkpoint-4"))
    for ours, theirs in zip(whole.model.parameters(), rest.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert [look["code_perplexity"] for look in whole.looks()] == [look["code_perplexity"] for look in rest.looks()]


_TWO_PROCESSES = """
import sys, torch
from pathlib import Path
from accelerate import PartialState
from hf_speech_tl.objectives import Tally
from hf_speech_tl.training import CollapseGuard
rank, directory = int(sys.argv[1]), Path(sys.argv[2])
PartialState(cpu=True)
tally = Tally("code", 1, 4)
tally.add(torch.eye(4)[rank : rank + 2], torch.tensor([[0], [rank + 1]]), torch.tensor([True, rank == 1]))
torch.save(CollapseGuard(tally, begin=0.1, remedy="").figures(), directory / f"{rank}.pt")
"""


@pytest.mark.slow
def test_two_processes_see_the_same(tmp_path) -> None:
    in_pair(_TWO_PROCESSES, tmp_path)
    figures = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    assert figures[0] == figures[1]
    shares = torch.tensor([2, 1, 1]) / 4
    assert figures[0]["code_perplexity"] == pytest.approx(torch.exp(-(shares * shares.log()).sum()).item())
    assert (figures[0]["codes_in_use"], figures[0]["accuracy"], figures[0]["prediction_cosine"]) == (3, 0.75, 0)

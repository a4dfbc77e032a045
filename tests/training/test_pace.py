import pytest
import torch
from tiny import EXTRACTOR, VOCABULARY, tiny_model, tiny_rows
from torch.utils.data import DataLoader

from hf_speech_tl.training import (
    Batches,
    Clips,
    Pace,
    choose_precision,
    collator,
    first_batches,
    measure_steps,
)
from hf_speech_tl.training import pace as pace_module

_LENGTHS, _TEXTS = (0.6, 0.9, 0.8, 0.7), ("ab", "d", "a", "bb")
_CPU = torch.device("cpu")


def _loader() -> DataLoader:
    clips = Clips(tiny_rows(_LENGTHS, _TEXTS), [VOCABULARY.encode(text) for text in _TEXTS])
    batches = first_batches(Batches(list(_LENGTHS), 2.0, 0))
    return DataLoader(clips, batch_sampler=batches, collate_fn=collator(EXTRACTOR))


def _loss(model: torch.nn.Module, batch) -> torch.Tensor:
    return model(batch["inputs"]).logits.pow(2).mean()


def test_bfloat16_is_not_tried_where_the_cpu_has_no_instructions_for_it(monkeypatch) -> None:
    monkeypatch.setattr(pace_module, "is_bfloat16_emulated", lambda: True)
    assert choose_precision(tiny_model(), _loader(), _loss, _CPU) == Pace("float32")


def test_both_are_tried_where_it_has(monkeypatch) -> None:
    monkeypatch.setattr(pace_module, "is_bfloat16_emulated", lambda: False)
    pace = choose_precision(tiny_model(), _loader(), _loss, _CPU)
    assert pace.gain is not None and (pace.precision == "bfloat16") == (1 / pace.gain < 0.9)


def test_what_only_the_first_hearing_of_a_batch_costs_does_not_count(monkeypatch) -> None:
    monkeypatch.setattr(pace_module, "is_bfloat16_emulated", lambda: False)
    now, before = [0.0], [""]
    monkeypatch.setattr(pace_module.time, "perf_counter", lambda: now[0])

    def loss(model: torch.nn.Module, batch) -> torch.Tensor:
        quick = torch.is_autocast_enabled("cpu")
        if quick:
            now[0] += 0.5 if before[0] == batch["ids"] else 2.0
            before[0] = batch["ids"]
        else:
            now[0] += 1.0
        return _loss(model, batch)

    assert choose_precision(tiny_model(), _loader(), loss, _CPU) == Pace("bfloat16", 2.0)


@pytest.mark.parametrize(("quick", "slow", "batches"), [(1.0, 2.0, 1), (1.0, 1.2, 5), (0.1, 0.2, 5)])
def test_what_is_clear_after_some_seconds_is_not_tried_again(quick, slow, batches, monkeypatch) -> None:
    monkeypatch.setattr(pace_module, "is_bfloat16_emulated", lambda: False)
    now, heard = [0.0], []
    monkeypatch.setattr(pace_module.time, "perf_counter", lambda: now[0])

    def loss(model: torch.nn.Module, batch) -> torch.Tensor:
        heard.append(batch["ids"])
        now[0] += quick if torch.is_autocast_enabled("cpu") else slow
        return _loss(model, batch)

    pace = choose_precision(tiny_model(), _loader(), loss, _CPU)
    assert (pace.precision, len(heard)) == ("bfloat16", 4 * batches) and pace.gain == pytest.approx(slow / quick)


def test_one_batch_that_float32_was_faster_on_decides_nothing(monkeypatch) -> None:
    monkeypatch.setattr(pace_module, "is_bfloat16_emulated", lambda: False)
    now, heard = [0.0], []
    monkeypatch.setattr(pace_module.time, "perf_counter", lambda: now[0])

    def loss(model: torch.nn.Module, batch) -> torch.Tensor:
        heard.append(batch["ids"])
        disturbed = len(heard) in (2, 4)  # by what else ran while bfloat16 was tried
        now[0] += (4.0 if disturbed else 0.5) if torch.is_autocast_enabled("cpu") else 1.0
        return _loss(model, batch)

    pace = choose_precision(tiny_model(), _loader(), loss, _CPU)
    assert pace == Pace("bfloat16", 2.0) and len(heard) > 8


def test_a_model_too_slow_to_be_heard_twice_is_judged_by_the_first_time(monkeypatch) -> None:
    monkeypatch.setattr(pace_module, "is_bfloat16_emulated", lambda: False)
    now, heard = [0.0], []
    monkeypatch.setattr(pace_module.time, "perf_counter", lambda: now[0])

    def loss(model: torch.nn.Module, batch) -> torch.Tensor:
        heard.append(batch["ids"])
        now[0] += 15.0
        return _loss(model, batch)

    assert choose_precision(tiny_model(), _loader(), loss, _CPU) == Pace("float32", 1.0)
    assert len(heard) == 2


def test_a_trial_hears_seconds_and_not_a_whole_step(monkeypatch) -> None:
    monkeypatch.setattr(pace_module, "is_bfloat16_emulated", lambda: False)
    monkeypatch.setattr(pace_module, "_HEARD", 0.8)
    heard = []
    choose_precision(
        tiny_model(), _loader(), lambda model, batch: heard.append(len(batch["ids"])) or _loss(model, batch), _CPU
    )
    assert heard and set(heard) == {1}
    assert max(len(batch["ids"]) for batch in _loader()) == 2


def test_measuring_leaves_the_model_as_it_was() -> None:
    model = tiny_model()
    seconds, tried = measure_steps(
        model,
        _loader(),
        _loss,
        lambda trial: torch.optim.SGD(trial.parameters(), lr=1.0),
        precision="float32",
        device=_CPU,
    )
    assert seconds > 0 and tried == 20
    for ours, fresh in zip(model.parameters(), tiny_model().parameters(), strict=True):
        assert torch.equal(ours, fresh)

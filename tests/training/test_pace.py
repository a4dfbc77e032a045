import torch
from tiny import EXTRACTOR, VOCABULARY, tiny_model, tiny_rows
from torch.utils.data import DataLoader

from hf_speech_tl.training import Batches, Clips, Pace, collator, first_batches, measure_pace
from hf_speech_tl.training import pace as pace_module

_LENGTHS, _TEXTS = (0.6, 0.9, 0.8, 0.7), ("ab", "d", "a", "bb")


def _measure(model: torch.nn.Module, precision: str, *, count_steps: bool) -> Pace:
    clips = Clips(tiny_rows(_LENGTHS, _TEXTS), [VOCABULARY.encode(text) for text in _TEXTS])
    batches = first_batches(Batches(list(_LENGTHS), 2.0, 0))
    return measure_pace(
        model,
        DataLoader(clips, batch_sampler=batches, collate_fn=collator(EXTRACTOR)),
        lambda trial, batch: trial(batch["inputs"]).logits.pow(2).mean(),
        lambda trial, _: torch.optim.SGD(trial.parameters(), lr=1.0),
        precision=precision,
        count_steps=count_steps,
        device=torch.device("cpu"),
    )


def test_bfloat16_is_not_tried_where_the_cpu_has_no_instructions_for_it(monkeypatch) -> None:
    monkeypatch.setattr(pace_module, "_is_bfloat16_emulated", lambda: True)
    assert _measure(tiny_model(), "auto", count_steps=False) == Pace("float32", None, None)


def test_both_are_tried_where_it_has(monkeypatch) -> None:
    monkeypatch.setattr(pace_module, "_is_bfloat16_emulated", lambda: False)
    pace = _measure(tiny_model(), "auto", count_steps=False)
    assert pace.gain is not None and (pace.precision == "bfloat16") == (1 / pace.gain < 0.9)


def test_measuring_leaves_the_model_as_it_was() -> None:
    model = tiny_model()
    pace = _measure(model, "auto", count_steps=True)
    assert pace.step_seconds is not None and pace.step_seconds > 0
    for ours, fresh in zip(model.parameters(), tiny_model().parameters(), strict=True):
        assert torch.equal(ours, fresh)


def test_nothing_is_measured_that_nobody_asked_for() -> None:
    assert _measure(tiny_model(), "float32", count_steps=False) == Pace("float32", None, None)

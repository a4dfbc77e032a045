import dataclasses
import weakref

import numpy as np
import psutil
import pytest
from accelerate import PartialState
from tiny import tiny_model

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models import cost_of
from hf_speech_tl.settings import FinetuneSettings
from hf_speech_tl.stages.finetune import run
from hf_speech_tl.stages.runs.memory import _HOLES, fit_memory, give_back, tell_memory
from hf_speech_tl.stages.runs.recipe import choose_recipe

_SECONDS = np.asarray([2.0, 4.0, 8.0], np.float32)


def _fit(monkeypatch, free: float, checkpointing: str = "auto", recognised: float = 8.0):
    model = tiny_model().train()
    settings = FinetuneSettings(lang="it", batch_seconds=80.0)
    recipe = choose_recipe(settings, parameters=5_000_000, augment=(), processes=1)
    memory = psutil.virtual_memory()._replace(available=int(free))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    return model, fit_memory(
        model, recipe, _SECONDS, PartialState(cpu=True), recognised=recognised, checkpointing=checkpointing
    )


def test_with_room_a_step_is_computed_at_once_and_without_in_pieces(monkeypatch) -> None:
    _, roomy = _fit(monkeypatch, 1e12)
    model, tight = _fit(monkeypatch, 50e6)
    assert (roomy.recipe.accumulation, roomy.checkpointed, roomy.fits) == (1, False, True)
    assert tight.recipe.accumulation > 1 and tight.fits and not tight.checkpointed
    assert tight.needed < roomy.needed and tight.recipe.batch_seconds == roomy.recipe.batch_seconds == 80
    assert not model.is_activation_checkpointing


@pytest.mark.parametrize(("checkpointing", "expected"), [("auto", True), ("always", True), ("never", False)])
def test_layers_are_computed_again_where_not_even_one_clip_fits(
    checkpointing: str, expected: bool, monkeypatch
) -> None:
    model, fit = _fit(monkeypatch, 1e12 if checkpointing == "always" else 1e5, checkpointing)
    assert fit.checkpointed == model.is_activation_checkpointing == expected
    assert fit.fits == (checkpointing == "always")
    told = tell_memory(fit, "take less")
    assert ("layers are computed again" in told) == expected
    assert told.endswith("are free: if it does not fit, take less") != fit.fits


@pytest.mark.parametrize("checkpointing", ["auto", "always"])
def test_which_clips_a_step_hears_does_not_hang_on_the_memory_that_is_free(checkpointing: str, monkeypatch) -> None:
    costs = iter([dataclasses.replace(cost_of(tiny_model()), quadratic=seconds) for seconds in (60.0, 30.0)])
    monkeypatch.setattr("hf_speech_tl.stages.runs.memory.cost_of", lambda _: next(costs))
    _, fit = _fit(monkeypatch, 1e5, checkpointing)
    assert fit.checkpointed and fit.cost.quadratic == 60.0


def test_clips_are_kept_in_what_a_step_leaves_of_the_memory_and_counted(monkeypatch) -> None:
    samples = 2 * 16_000 * float(_SECONDS.sum())
    roomy = _fit(monkeypatch, 1e12)[1]
    assert (roomy.room, roomy.clips) == (0.25e12, samples) and roomy.peak == round(roomy.needed + samples)
    tight = _fit(monkeypatch, 50e6)[1]
    assert tight.room == min(0.25 * 50e6, tight.free - tight.needed) and tight.peak <= tight.free
    none = _fit(monkeypatch, 1e5)[1]
    assert not none.fits and none.room == none.clips == 0


def test_recognition_counts_with_a_batch_or_a_long_clip_for_each_of_its_workers(monkeypatch) -> None:
    monkeypatch.setattr("hf_speech_tl.stages.runs.memory.at_once", lambda *_, **__: (3, 12.0))
    needed = {seconds: _fit(monkeypatch, 1e12, recognised=seconds)[1] for seconds in (1.0, 200.0, 400.0)}
    # Training takes more than three batches of 12 s, and less than three clips of 200 s.
    assert needed[200.0].needed > needed[1.0].needed
    growth = needed[200.0].cost.recognising
    more = 3 * _HOLES * (growth.of(400.0) - growth.of(200.0))
    assert needed[400.0].needed - needed[200.0].needed == pytest.approx(more, abs=50e6)  # held by this process changes


def test_on_a_cpu_the_room_that_tensors_leave_is_counted(monkeypatch) -> None:
    fits = {}
    for holes in (1.0, 100.0):
        monkeypatch.setattr("hf_speech_tl.stages.runs.memory._HOLES", holes)
        fits[holes] = _fit(monkeypatch, 1e12)[1]
    # A step has several of the longest clips, and what this process holds changes by less.
    assert fits[100.0].needed - fits[1.0].needed > 99 * 3 * fits[1.0].cost.training.of(8.0) > 1e9


def test_an_average_of_the_weights_is_counted(monkeypatch) -> None:
    monkeypatch.setattr("hf_speech_tl.stages.runs.memory._memory", lambda *_: (0, 10**12))
    settings = FinetuneSettings(lang="it", batch_seconds=80.0)
    plain = choose_recipe(settings, parameters=5_000_000, augment=(), processes=1)
    processes, given = PartialState(cpu=True), {"recognised": 8.0, "checkpointing": "never"}
    without, averaged = (
        fit_memory(tiny_model().train(), recipe, _SECONDS, processes, **given)
        for recipe in (plain, dataclasses.replace(plain, averaged=True))
    )
    assert averaged.needed - without.needed == pytest.approx(without.cost.gradients, abs=1)


def test_what_refers_to_itself_is_given_back() -> None:
    class Trained:
        def __init__(self) -> None:
            self.itself = self

    gone = weakref.ref(Trained())
    give_back()
    assert gone() is None


@pytest.mark.slow
def test_a_shallower_model_with_frozen_and_checkpointed_layers_is_trained_and_said_to_be(settings) -> None:
    results = run(settings(keep_layers=1, gradient_checkpointing="always", tuning="lora", max_steps=2))
    training = results["training"]
    assert results["model"]["layers_kept"] == 1 and results["model"]["multiply_adds_per_second"] > 0
    assert training["gradient_checkpointing"] and training["layers_frozen"] == 0
    assert training["peak_memory_mb_estimated"] == pytest.approx(training["peak_memory_mb"], rel=0.5)
    frozen = run(settings(freeze_layers=2, max_steps=2, overwrite=True))["training"]
    assert frozen["layers_frozen"] == 2 and 0 < frozen["trained_parameters"] < 1000
    with pytest.raises(SettingsError, match=r"--keep-layers 9: .* has 2 layers"):
        run(settings(keep_layers=9, overwrite=True))


def test_memory_is_shared_with_the_processes_of_this_machine_not_with_all(monkeypatch) -> None:
    alone = _fit(monkeypatch, 1e9)[1].free
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert alone - _fit(monkeypatch, 1e9)[1].free == pytest.approx(0.6e9, abs=0.05e9)  # but for what grew meanwhile

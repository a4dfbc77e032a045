import numpy as np
import psutil
import pytest
from accelerate import PartialState
from tiny import tiny_model

from hf_speech_tl.settings import FinetuneSettings
from hf_speech_tl.stages.memory import fit_memory
from hf_speech_tl.stages.recipe import choose_recipe

_SECONDS = np.asarray([2.0, 4.0, 8.0], np.float32)


def _fit(monkeypatch, free: float, checkpointing: str = "auto"):
    model = tiny_model().train()
    settings = FinetuneSettings(lang="it", batch_seconds=80.0)
    recipe = choose_recipe(settings, parameters=5_000_000, augment=(), processes=1)
    memory = psutil.virtual_memory()._replace(available=int(free))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    return model, fit_memory(
        model, recipe, _SECONDS, PartialState(cpu=True), checkpointing=checkpointing, measured=False
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

"""The proof that transformers' pipeline reads what we score: what is a difference, and what is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import save_tiny

from hf_speech_tl.decoding import Recognition
from hf_speech_tl.errors import RunError
from hf_speech_tl.models import Checkpoint, load_checkpoint, read_config
from hf_speech_tl.publishing import save

CLIP = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)


@pytest.fixture
def saved(tmp_path: Path) -> Checkpoint:
    """A model that is the same as in `tmp_path`, but for what a test changes of it."""
    return load_checkpoint(str(save_tiny(tmp_path)), read_config(str(tmp_path)))


def _verify(saved: Checkpoint) -> None:
    assert saved.vocabulary is not None
    save.verify_saved(Path(saved.name), saved, saved.vocabulary, [CLIP])


def test_symbols_that_are_equally_likely_may_be_chosen_either_way(tmp_path: Path) -> None:
    saved = load_checkpoint(str(save_tiny(tmp_path)), read_config(str(tmp_path)))
    head = saved.model.lm_head
    with torch.no_grad():
        head.weight[3] = head.weight[2]
        head.bias[2:4] = 10.0  # nothing else is ever chosen
        head.bias[2] += 1e-5
        saved.model.save_pretrained(tmp_path)
        _verify(saved)
        head.bias[3] += 2e-5
    _verify(saved)


def test_a_text_that_its_own_logits_do_not_say_is_told(saved: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    _verify(saved)
    monkeypatch.setattr(save, "recognise", lambda *_, **__: [Recognition("made up", 1.0, 0.0)])
    with pytest.raises(RunError, match="and 'made up' in our decoding"):
        _verify(saved)


def test_another_model_is_told(saved: Checkpoint) -> None:
    with torch.no_grad():
        saved.model.lm_head.bias += torch.arange(len(saved.model.lm_head.bias))
    with pytest.raises(RunError, match=r"clip 1 of the check reads .* in our decoding"):
        _verify(saved)


def test_another_reading_of_the_same_logits_is_told(saved: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipeline:
        model = saved.model

        def __call__(self, _: object) -> dict[str, str]:
            return {"text": "read otherwise"}

    monkeypatch.setattr(save, "pipeline", lambda *_, **__: Pipeline())
    with pytest.raises(RunError, match="reads 'read otherwise' through"):
        _verify(saved)

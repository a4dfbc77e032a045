import numpy as np
import pytest
import torch
from tiny import EXTRACTOR, VOCABULARY, tiny_model

from hf_speech_tl.decoding import recognise


def _clips(*lengths: int) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.normal(0, 0.1, length).astype(np.float32) for length in lengths]


def _spoken_model(**changes: object) -> torch.nn.Module:
    model = tiny_model(**changes)
    with torch.no_grad():
        model.lm_head.weight *= 100  # an untrained head hardly ever prefers anything to the blank
    return model


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_text_does_not_depend_on_the_batch(norm: str) -> None:
    model = _spoken_model(feat_extract_norm=norm)
    clips = _clips(16_000, 4_000, 9_000, 30_000)
    seconds = [len(clip) / 16_000 for clip in clips]
    together = recognise(model, EXTRACTOR, VOCABULARY, clips.__getitem__, seconds, batch_seconds=1000)
    alone = recognise(model, EXTRACTOR, VOCABULARY, clips.__getitem__, seconds, batch_seconds=0)
    assert [r.text for r in together] == [r.text for r in alone]
    assert len({r.text for r in together}) == 4
    np.testing.assert_allclose([r.confidence for r in together], [r.confidence for r in alone], rtol=1e-4)


def test_the_model_goes_on_training_if_it_did() -> None:
    model = tiny_model().train()
    recognise(model, EXTRACTOR, VOCABULARY, lambda _: _clips(8000)[0], [0.5])
    assert model.training


def test_blank_only_has_no_text_and_no_confidence() -> None:
    model = tiny_model()
    with torch.no_grad():
        model.lm_head.bias[0] = 100
    found = recognise(model, EXTRACTOR, VOCABULARY, lambda _: _clips(8000)[0], [0.5])[0]
    assert (found.text, found.confidence, found.blank_share) == ("", 0.0, 1.0)

import numpy as np
import pytest
import torch
from tiny import EXTRACTOR, FAMILIES, extractor_of, tiny_model

from hf_speech_tl.models import for_inference, input_name, logits_of, pad


def _clips(*lengths: int) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.normal(0, 0.1, length).astype(np.float32) for length in lengths]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_answers_as_transformers_has_it(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hf_speech_tl.models.convolutions._TOGETHER", 5_000)  # pieces of clips, and clips together
    model = tiny_model(family).eval()
    for lengths in ((16_000,), (12_345, 11_000), (2_000, 2_000, 1_900)):
        inputs, mask = pad(extractor_of(model), _clips(*lengths))
        with torch.inference_mode():
            theirs = model(**{input_name(model.config): inputs}, attention_mask=mask).logits
            ours, _ = logits_of(for_inference(model), model.config, inputs, mask)
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("changes", [{"feat_extract_norm": "group"}, {"conv_bias": True}])
def test_the_convolutions_of_both_norms_are_right(changes: dict[str, object]) -> None:
    model = tiny_model(**changes).eval()
    inputs, mask = pad(EXTRACTOR, _clips(40_000))
    with torch.inference_mode():
        ours, theirs = (m(inputs, attention_mask=mask).logits for m in (for_inference(model), model))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_the_model_is_left_as_it_was() -> None:
    model = tiny_model().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    inputs, mask = pad(EXTRACTOR, _clips(8_000))
    quick = for_inference(model)
    with torch.inference_mode():
        quick(inputs, attention_mask=mask)
    assert model.training and not quick.training
    after = model.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(after[name], before[name]) for name in before)
    assert quick.lm_head.weight is model.lm_head.weight  # no second set of weights
    model(inputs, attention_mask=mask).logits.sum().backward()
    assert all(weight.grad is not None for name, weight in model.named_parameters() if "masked_spec" not in name)


def test_a_convolution_that_is_something_else_stays_with_torch() -> None:
    model = tiny_model()
    model.wav2vec2.feature_extractor.conv_layers[1].conv.padding = (1,)
    assert "forward" not in vars(for_inference(model).wav2vec2.feature_extractor)


@pytest.mark.parametrize("normalised", [True, False])
def test_padding_is_what_the_extractor_does(normalised: bool) -> None:
    extractor = type(EXTRACTOR)(sampling_rate=16_000, do_normalize=normalised, return_attention_mask=True)
    clips = _clips(4_000, 5_001, 300)
    theirs = extractor(clips, sampling_rate=16_000, padding="longest", return_tensors="pt")
    inputs, mask = pad(extractor, clips)
    assert torch.equal(inputs, theirs["input_values"]) and torch.equal(mask, theirs["attention_mask"])

import copy

import pytest
import torch
from tiny import tiny_model

from hf_speech_tl.models import multiply_convolutions


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("samples", [4_000, 4_001, 4_127, 4_200])
def test_products_learn_what_convolutions_learn(samples: int, bias: bool) -> None:
    plain = tiny_model(conv_bias=bias).train()
    ours = copy.deepcopy(plain)
    names = list(ours.state_dict())
    multiply_convolutions(ours)
    assert type(ours.base_model.feature_extractor) is not type(plain.base_model.feature_extractor)
    assert list(ours.state_dict()) == names
    torch.manual_seed(0)
    waveform = torch.randn(2, samples)
    logits = [model(waveform).logits for model in (plain, ours)]
    torch.testing.assert_close(*logits, rtol=1e-4, atol=1e-5)
    for one in logits:
        one.pow(2).sum().backward()
    for expected, parameter in zip(plain.parameters(), ours.parameters(), strict=True):
        assert (expected.grad is None) == (parameter.grad is None)
        if expected.grad is not None:
            torch.testing.assert_close(parameter.grad, expected.grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "changes", [{"conv_kernel": (20, 15, 8)}, {"feat_extract_norm": "group"}, {"family": "wav2vec2-bert"}]
)
def test_others_stay_as_they_are(changes: dict[str, object]) -> None:
    model = tiny_model(**changes)  # type: ignore[arg-type]
    kinds = [type(module) for module in model.modules()]
    multiply_convolutions(model)
    assert [type(module) for module in model.modules()] == kinds

import numpy as np
import pytest
import torch
from peft import PeftModel
from tiny import FAMILIES, extractor_of, tiny_model

from hf_speech_tl.models import head_of, logits_of, merge, prepare_tuning


def _loss(model: torch.nn.Module) -> torch.Tensor:
    extractor = extractor_of(model)
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 8_000))
    inputs = extractor([*noise], sampling_rate=16_000, return_tensors="pt", return_attention_mask=True)
    name = extractor.model_input_names[0]
    return logits_of(model, model.config, inputs[name].float(), inputs["attention_mask"])[0].pow(2).mean()


@pytest.mark.parametrize("tuning", ["full", "lora", "head"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_frozen_feature_encoder_is_not_differentiated(family: str, tuning: str) -> None:
    model = prepare_tuning(tiny_model(family), tuning, fresh=False, rank=4).train()
    seen = []
    for name, module in model.named_modules():
        if name.endswith("feature_extractor"):
            module.register_forward_hook(lambda _, __, output: seen.append(output.requires_grad))
    _loss(model).backward()
    assert seen == ([False] if hasattr(tiny_model(family), "freeze_feature_encoder") else [])


@pytest.mark.parametrize("family", FAMILIES)
def test_every_adapter_learns(family: str) -> None:
    model = prepare_tuning(tiny_model(family), "lora", fresh=False, rank=4).train()
    _loss(model).backward()
    adapters = {name: p for name, p in model.named_parameters() if "lora_B" in name}
    assert adapters and all(p.grad is not None and p.grad.abs().max() > 0 for p in adapters.values())


@pytest.mark.parametrize("family", FAMILIES)
def test_head_alone(family: str) -> None:
    model = prepare_tuning(tiny_model(family), "head", fresh=False, rank=4)
    head = head_of(model)
    assert {id(p) for p in model.parameters() if p.requires_grad} == {id(head.weight), id(head.bias)}


def test_fresh_convolutions_learn() -> None:
    model = prepare_tuning(tiny_model(), "full", fresh=True, rank=4).train()
    _loss(model).backward()
    assert all(p.grad is not None for p in model.base_model.feature_extractor.parameters())


def test_merged_adapters_say_the_same_and_the_new_head_comes_along() -> None:
    model = prepare_tuning(tiny_model(), "lora", fresh=False, rank=4)
    assert isinstance(model, PeftModel)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += torch.randn_like(parameter) * 0.1
    model.eval()
    wave = torch.randn(1, 8000)
    before = model(wave).logits
    plain = merge(model)
    assert not [name for name, _ in plain.named_parameters() if "lora" in name or "modules_to_save" in name]
    torch.testing.assert_close(plain(wave).logits, before, rtol=1e-4, atol=1e-5)
    assert not torch.equal(plain.lm_head.weight, tiny_model().lm_head.weight)

import copy

import pytest
import torch
from tiny import FAMILIES, tiny_model

from hf_speech_tl.models import head_of
from hf_speech_tl.models.frontends import encoder_config
from hf_speech_tl.training import Rates, build_optimiser, build_schedule

_RATES = Rates(encoder=1e-3, head=5e-3, weight_decay=0.1, warmup=0.2, head_steps=0)


def _step(model: torch.nn.Module, optimiser: torch.optim.Optimizer, seed: int) -> None:
    torch.manual_seed(seed)
    model(torch.randn(1, 8000)).logits.pow(2).mean().backward()
    optimiser.step()
    optimiser.zero_grad()


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_every_trained_parameter_is_in_one_group_and_moves(name: str) -> None:
    model = tiny_model()
    model.base_model.masked_spec_embed = None
    before = copy.deepcopy(model.state_dict())
    optimiser = build_optimiser(model, _RATES, name)
    grouped = [id(parameter) for group in optimiser.param_groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(parameter) for parameter in model.parameters())
    _step(model, optimiser, 0)
    still = [key for key, value in model.state_dict().items() if torch.equal(value, before[key])]
    # The bias of the keys has no effect on attention, hence no gradient beyond rounding.
    assert [key for key in still if "k_proj.bias" not in key] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_muon_takes_the_matrices_of_every_family_and_nothing_else(family: str) -> None:
    model = tiny_model(family)
    weights = {id(module.weight): name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    groups = build_optimiser(model, _RATES, "muon").param_groups
    taken = {weights[id(parameter)] for group in groups if group["muon"] for parameter in group["params"]}
    assert len(taken) >= 6 * encoder_config(model.config).num_hidden_layers
    assert all(".layer" in name for name in taken) and "lm_head" not in taken
    heads = [parameter for group in groups if group["part"] == "head" for parameter in group["params"]]
    assert {id(parameter) for parameter in heads} == {id(parameter) for parameter in head_of(model).parameters()}


def test_head_and_encoder_have_their_rates_and_norms_do_not_decay() -> None:
    model = tiny_model()
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for group in build_optimiser(model, _RATES, "muon").param_groups:
        for parameter in group["params"]:
            name = names[id(parameter)]
            head, matrix = name.startswith("lm_head"), parameter.ndim == 2 and "encoder.layers" in name
            assert group["lr"] == pytest.approx((5e-3 if head else 1e-3) * (20 if matrix else 1))
            assert group["weight_decay"] == (0.1 if parameter.ndim > 1 else 0.0)


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_a_restored_optimiser_goes_on_alike(name: str) -> None:
    model = tiny_model()
    optimiser = build_optimiser(model, _RATES, name)
    _step(model, optimiser, 0)
    other = copy.deepcopy(model)
    restored = build_optimiser(other, _RATES, name)
    restored.load_state_dict(copy.deepcopy(optimiser.state_dict()))
    for seed in (1, 2):
        _step(model, optimiser, seed)
        _step(other, restored, seed)
    for ours, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_schedule_rises_falls_to_zero_and_the_encoder_waits() -> None:
    rates = Rates(encoder=1.0, head=2.0, weight_decay=0.0, warmup=0.2, head_steps=5)
    optimiser = build_optimiser(tiny_model(), rates, "adamw")
    schedule = build_schedule(optimiser, rates, 50)
    seen: dict[str, list[float]] = {"head": [], "encoder": []}
    for _ in range(51):
        for group in optimiser.param_groups:
            seen[group["part"]].append(group["lr"])
        optimiser.step()
        schedule.step()
    head, encoder = seen["head"][::2], seen["encoder"][::2]
    assert max(head) == pytest.approx(2.0) and head.index(max(head)) in (9, 10) and head[50] == 0
    assert encoder[:6] == pytest.approx([0] * 5 + [0.1])  # not from nothing to the rate that the head has by then

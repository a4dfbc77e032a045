import copy

import pytest
import torch
from tiny import FAMILIES, tiny_model
from torch.utils.flop_counter import FlopCounterMode

from hf_speech_tl.models import empty_model, encoder_config, logits_of, prepare_tuning
from hf_speech_tl.models.families import FAMILIES as TABLE
from hf_speech_tl.models.rehearsal import modules_in_order, rehearse


def _fed(model: torch.nn.Module, seconds: float, clips: int = 1) -> torch.Tensor:
    shape = TABLE[model.config.model_type].frontend.shape(model.config, round(seconds * 16_000))
    mask = torch.ones(clips, shape[0], dtype=torch.long)
    return logits_of(model, model.config, torch.randn(clips, *shape), mask)[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_multiply_adds_are_those_of_a_real_pass(family: str) -> None:
    model = tiny_model(family).train()
    usual = rehearse(model, 2.0).multiply_adds
    model.set_attn_implementation("eager")  # the fused attention of CPUs is one that torch does not count
    with FlopCounterMode(display=False) as counter:
        _fed(model, 2.0)
    assert rehearse(model, 2.0).multiply_adds == usual == counter.get_total_flops() / 2


def _saved(model: torch.nn.Module, seconds: float, clips: int) -> int:
    """Bytes that a real forward pass keeps for the backward pass."""
    weights = {weight.untyped_storage().data_ptr() for weight in [*model.parameters(), *model.buffers()]}
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = _fed(model, seconds, clips).log_softmax(-1).sum()
    assert loss.requires_grad
    return sum(kept.values())


@pytest.mark.parametrize(
    ("family", "tuning"),
    [("wav2vec2", "full"), *(pytest.param(family, "lora", marks=pytest.mark.slow) for family in FAMILIES[1:])],
)
def test_memory_is_what_a_real_pass_keeps_and_little_more(family: str, tuning: str) -> None:
    model = prepare_tuning(tiny_model(family, num_hidden_layers=4), tuning, fresh=tuning == "full", rank=2).train()
    ours, real = rehearse(model, 2.0, clips=2).bytes, _saved(model, 2.0, 2)
    assert real <= 1.02 * ours
    assert tuning == "lora" or ours < 1.6 * real  # with little to keep, what a layer needs for a moment weighs more


def test_a_rehearsal_leaves_no_trace() -> None:
    model = tiny_model("wav2vec2", mask_time_prob=0.5, hidden_dropout=0.1).eval()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    generator = torch.get_rng_state()
    rehearse(model, 2.0)
    assert torch.equal(generator, torch.get_rng_state())
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert not model.training and model.config.apply_spec_augment
    assert all(weight.grad is None for weight in model.parameters())


def test_recognising_takes_less_than_training() -> None:
    assert rehearse(tiny_model(), 2.0, backward=False).bytes < rehearse(tiny_model(), 2.0).bytes


def test_modules_in_the_order_of_a_pass() -> None:
    model = tiny_model()
    order = modules_in_order(model)
    places = [order.index(m) for m in (model.wav2vec2.feature_extractor, *model.wav2vec2.encoder.layers, model.lm_head)]
    assert places == sorted(places)


@pytest.mark.parametrize("family", [*FAMILIES[:1], *(pytest.param(f, marks=pytest.mark.slow) for f in FAMILIES[1:])])
def test_checkpointing_saves_memory_and_changes_no_gradient(family: str) -> None:
    model = tiny_model(family, num_hidden_layers=4).train()
    inputs = torch.get_rng_state()
    _fed(model, 1.0).pow(2).mean().backward()
    plain = [weight.grad for weight in model.parameters()]
    before = rehearse(model, 2.0).bytes
    model.zero_grad()
    model.activation_checkpointing_enable()
    torch.set_rng_state(inputs)
    _fed(model, 1.0).pow(2).mean().backward()
    for ours, theirs in zip(model.parameters(), plain, strict=True):
        assert (ours.grad is None) == (theirs is None)
        if theirs is not None:
            torch.testing.assert_close(ours.grad, theirs, rtol=1e-5, atol=1e-7)
    assert rehearse(model, 2.0).bytes < 0.9 * before


@pytest.mark.parametrize("family", FAMILIES)
def test_a_shape_whose_layers_chance_leaves_out_is_rehearsed_with_all_of_them(family: str) -> None:
    """As published checkpoints have it, which leave out a tenth of them while training."""
    config = copy.deepcopy(tiny_model(family).config)
    encoder_config(config).layerdrop = 0.9
    assert rehearse(empty_model(config).train(), 1.0) == rehearse(tiny_model(family).train(), 1.0)

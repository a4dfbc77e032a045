"""What frozen layers make of a clip, kept: losses and gradients are those of the clips themselves."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny import FAMILIES, VOCABULARY, extractor_of, tiny_model, tiny_rows
from torch import Tensor
from transformers import PreTrainedModel

from hf_speech_tl.models import Frozen, frozen_part, prepare_tuning
from hf_speech_tl.models.depth import layers_of
from hf_speech_tl.models.lower import LowerLayers
from hf_speech_tl.models.passing import Part, PassingEncoder
from hf_speech_tl.training import Clips, Features, collator, utterance_losses

_CPU = torch.device("cpu")
_SQUEEZED = ("sew", "sew-d")
_KEPT = [family for family in FAMILIES if family not in _SQUEEZED]
# One for each way of going about positions, masks and norms; some of the others are the same code under other names.
_FAST = ("wav2vec2", "wavlm", "parakeet_ctc")
_BOTH = ("wav2vec2", "hubert", "wavlm", "unispeech", "unispeech-sat")  # norms before or after the layers
_TEXTS = ("ab", "d", "cab")
# The convolutions in upper layers of this family run over padding, kept or not: there, clips are equally long.
_LENGTHS = {"wav2vec2-conformer": (0.8, 0.8, 0.8)}


def _frozen(
    family: str = "wav2vec2", tuning: str = "full", layers: int = 2, **changes: Any
) -> tuple[PreTrainedModel, PreTrainedModel, Part | None]:
    """The model as it is trained, the same without adapters around it, and its frozen part."""
    plain = tiny_model(family, num_hidden_layers=3, **changes)
    model = prepare_tuning(plain, tuning, fresh=False, rank=4, freeze_layers=layers).train()
    with torch.no_grad():  # adapters begin at zero, and leave half of themselves without a gradient
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.1)
    return model, plain, frozen_part(plain, _CPU)


def _losses_and_gradients(
    model: PreTrainedModel, plain: PreTrainedModel, clips: Clips, batches: list[list[int]]
) -> tuple[Tensor, dict[str, Tensor]]:
    collate, losses = collator(extractor_of(plain)), []
    model.zero_grad()
    for rows in batches:
        loss = utterance_losses(model, plain.config, collate([clips[row] for row in rows]), VOCABULARY.blank)
        loss.sum().backward()
        losses.append(loss.detach())
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    assert all(weight.grad is None for name, weight in model.named_parameters() if name not in trained)
    return torch.cat(losses), {name: weight.grad.clone() for name, weight in trained.items() if weight.grad is not None}


@pytest.mark.parametrize(
    ("family", "tuning", "stable"),
    [
        *(pytest.param(family, "full", False, marks=[] if family in _FAST else pytest.mark.slow) for family in _KEPT),
        *(pytest.param(family, "lora", False, marks=pytest.mark.slow) for family in _KEPT),
        *(pytest.param(family, "full", True, marks=[] if family == "wavlm" else pytest.mark.slow) for family in _BOTH),
    ],
)
def test_a_padded_batch_of_kept_states_has_the_loss_and_gradient_of_its_clips(
    family: str, tuning: str, stable: bool
) -> None:
    model, plain, part = _frozen(family, tuning, do_stable_layer_norm=stable)
    assert isinstance(part, LowerLayers)
    lengths = _LENGTHS.get(family, (0.6, 0.9, 0.75))
    clips, kept = (Clips(tiny_rows(lengths, _TEXTS), [VOCABULARY.encode(text) for text in _TEXTS]) for _ in range(2))
    kept.features = Features(Frozen(plain, part, extractor_of(plain), torch.float32))
    alone, gradients = _losses_and_gradients(model, plain, clips, [[0], [1], [2]])
    runs: list[int] = []
    hook = layers_of(plain)[0].register_forward_hook(lambda _, given, __: runs.append(given[0].dtype == torch.float32))
    losses, same = _losses_and_gradients(model, plain, kept, [[0, 1, 2]])
    assert runs == [True, True, True, False]  # once a clip; the batch passed it over
    hook.remove()
    torch.testing.assert_close(losses, alone, rtol=1e-2, atol=1e-2)
    assert gradients and same.keys() == gradients.keys()
    for name, gradient in gradients.items():
        close = dict(rtol=5e-2, atol=5e-3 * float(gradient.abs().max()) + 1e-4)
        torch.testing.assert_close({name: same[name]}, {name: gradient}, **close)


@pytest.mark.parametrize(
    "family", [pytest.param(family, marks=[] if family in _FAST else pytest.mark.slow) for family in FAMILIES]
)
@pytest.mark.parametrize(("tuning", "layers"), [("full", 2), ("lora", 2), ("lora", 0)])
def test_no_gradient_is_computed_below_the_lowest_trained_layer(family: str, tuning: str, layers: int) -> None:
    model, plain, _ = _frozen(family, tuning, layers, mask_time_prob=0.3, mask_time_length=2)
    wanted: list[bool] = []

    def note(_: Any, given: tuple[Tensor, ...], named: dict[str, Any]) -> None:
        wanted.append((given[0] if given else named["hidden_states"]).requires_grad)

    layers_of(plain)[layers].register_forward_pre_hook(note, with_kwargs=True)
    clips = Clips(tiny_rows((0.8,), ("ab",)), [VOCABULARY.encode("ab")])
    batch = collator(extractor_of(plain))([clips[0]])
    utterance_losses(model, plain.config, batch, VOCABULARY.blank).sum().backward()
    assert wanted == [False]


@pytest.mark.parametrize("family", ["wav2vec2", pytest.param("wav2vec2-conformer", marks=pytest.mark.slow)])
def test_only_frozen_layers_run_for_what_is_kept_and_clips_are_understood_as_before(family: str) -> None:
    model, plain, part = _frozen(family)
    other = tiny_model(family, num_hidden_layers=3)
    assert isinstance(part, LowerLayers) and list(plain.state_dict()) == list(other.state_dict())
    clips = Clips(tiny_rows((0.8,), ("ab",)), [VOCABULARY.encode("ab")])
    batch = collator(extractor_of(plain))([clips[0]])
    ran: list[int] = []
    hook = layers_of(plain)[2].register_forward_hook(lambda *_: ran.append(2))
    made = Frozen(plain, part, extractor_of(plain), torch.float32)(clips.load(0))
    assert ran == [] and made.shape[1] == 16
    hook.remove()
    prepare_tuning(other, "full", fresh=False, rank=4)
    with torch.no_grad():
        said, expected = (
            utterance_losses(one.train(), plain.config, batch, VOCABULARY.blank) for one in (model, other)
        )
    torch.testing.assert_close(said, expected)


def test_how_many_layers_are_frozen_is_told_by_the_fingerprint_and_the_adapters_above_are_not() -> None:
    def fingerprint(**of: Any) -> str:
        _, plain, part = _frozen(**of)
        assert part is not None
        return Frozen(plain, part, extractor_of(plain), torch.float32).fingerprint()

    prints = [fingerprint(layers=layers) for layers in (0, 1, 2)]
    assert len(set(prints)) == 3 and fingerprint(layers=2, tuning="lora") == prints[2]


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("sew", {}),
        ("sew-d", {}),
        ("wav2vec2-conformer", {"position_embeddings_type": "rotary"}),
        ("wav2vec2", {"mask_time_prob": 0.1, "mask_time_length": 2}),
        ("wav2vec2", {"attention_dropout": 0.1}),
    ],
)
def test_where_layers_cannot_be_kept_the_feature_encoder_is(family: str, changes: dict[str, Any]) -> None:
    _, plain, part = _frozen(family, **changes)
    assert part is plain.base_model.feature_extractor and isinstance(part, PassingEncoder)

"""The layers of w2v-BERT as they are computed here, beside those of transformers."""

from __future__ import annotations

import copy

import pytest
import torch
from tiny import tiny_model
from transformers.models.wav2vec2_bert.modeling_wav2vec2_bert import Wav2Vec2BertSelfAttention

from hf_speech_tl.models.conformer import quicken_conformer


def _gradients(model: torch.nn.Module, frames: int, *, padded: bool) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Logits of the frames that count, and the gradient of all weights."""
    inputs = torch.randn(2, frames, 160, generator=torch.Generator().manual_seed(frames))
    mask = torch.ones(2, frames, dtype=torch.long)
    if padded:
        mask[1, frames // 2 :] = 0
    logits = model(input_features=inputs, attention_mask=mask).logits[mask.bool()]
    logits.square().sum().backward()
    found = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    return logits.detach(), found


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("frames", [2, 7, 40])  # 40: more than there are distances
def test_logits_and_gradients_are_those_of_transformers(frames: int, padded: bool) -> None:
    torch.manual_seed(0)
    theirs = tiny_model(
        "wav2vec2-bert",
        feature_projection_input_dim=160,
        left_max_position_embeddings=12,
        right_max_position_embeddings=5,
    ).eval()
    ours = copy.deepcopy(theirs)
    quicken_conformer(ours)
    changed = [type(one) is not type(other) for one, other in zip(ours.modules(), theirs.modules(), strict=True)]
    assert sum(changed) == 4  # attention and convolution of two layers
    wanted, wanted_gradients = _gradients(theirs, frames, padded=padded)
    found, gradients = _gradients(ours, frames, padded=padded)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    assert gradients.keys() == wanted_gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, wanted_gradients[name], atol=1e-4, rtol=1e-4, msg=name)


def test_other_kinds_of_positions_stay_as_they_are() -> None:
    model = tiny_model("wav2vec2-bert", feature_projection_input_dim=160, position_embeddings_type="rotary")
    attention = model.base_model.encoder.layers[0].self_attn
    quicken_conformer(model)
    assert type(attention) is Wav2Vec2BertSelfAttention

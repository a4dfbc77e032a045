"""The layers of w2v-BERT: the same functions as transformers has, with less moving of memory.

They read weights of modules within them; what shards or adapts a model has to leave a layer's convolutions whole.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.models.wav2vec2_bert.modeling_wav2vec2_bert import (
    Wav2Vec2BertConvolutionModule,
    Wav2Vec2BertSelfAttention,
)


def quicken_conformer(model: PreTrainedModel) -> None:
    """Let the layers of a w2v-BERT compute sooner, in training and after; weights keep their names and values.

    Other models, and attention with other positions than the published ones have, stay as they are.
    """
    for module in model.modules():
        if type(module) is Wav2Vec2BertConvolutionModule:
            module.__class__ = _Convolution
        elif type(module) is Wav2Vec2BertSelfAttention and _is_usual(module):
            module.__class__ = _Attention


def _is_usual(attention: Wav2Vec2BertSelfAttention) -> bool:
    """Whether it knows positions by distance, and is given masks as torch's own attention takes them."""
    return attention.position_embeddings_type == "relative_key" and attention.config._attn_implementation == "sdpa"


class _Attention(Wav2Vec2BertSelfAttention):
    """transformers lays out an embedding for each pair of frames, `(frames, frames, width)`: for 20 s of audio at 50
    frames a second, a quarter of a gigabyte in every layer. Here a query is multiplied by the embedding of each
    distance, of which there are fewer than a hundred, and each pair takes its product from these.

    On a GPU the gradient of that is added up by atomic operations, in 16 bits: there, transformers' own stays."""

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        relative_position_embeddings: Tensor | None = None,
        **more: Any,
    ) -> tuple[Tensor, Tensor | None]:
        if hidden_states.is_cuda:
            return super().forward(hidden_states, attention_mask, relative_position_embeddings, **more)
        query, key, value = (
            linear(hidden_states).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for linear in (self.linear_q, self.linear_k, self.linear_v)
        )
        by_distance = query @ self.distance_embedding.weight.T
        scores = (query @ key.mT + self._by_pairs(by_distance)) * self.scaling
        if attention_mask is not None:
            scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
        weights = functional.dropout(scores.softmax(-1).to(value.dtype), self.dropout.p, self.training)
        return self.linear_out((weights @ value).transpose(1, 2).flatten(2)), None

    def _by_pairs(self, by_distance: Tensor) -> Tensor:
        """From `(clips, heads, frames, distances)` what is between two frames, `(clips, heads, frames, frames)`."""
        frames = torch.arange(by_distance.shape[2], device=by_distance.device)
        left, right = self.left_max_position_embeddings, self.right_max_position_embeddings
        distances = (frames - frames[:, None]).clamp(-left, right) + left
        return by_distance.gather(-1, distances.expand(*by_distance.shape[:2], -1, -1))


class _Convolution(Wav2Vec2BertConvolutionModule):
    """Convolutions that see one frame are linear layers: computed as such, frames need not be turned round for them."""

    def forward(self, hidden_states: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        states = self.layer_norm(hidden_states)
        if attention_mask is not None:  # what is padding must not reach the frames beside it
            states = states.masked_fill(~attention_mask.bool()[..., None], 0.0)
        states = functional.glu(_linear(self.pointwise_conv1, states), -1).transpose(1, 2)
        states = functional.pad(states, (self.depthwise_conv.kernel_size[0] - 1, 0))  # it hears only what was before
        states = self.depthwise_layer_norm(self.depthwise_conv(states).transpose(1, 2))
        return self.dropout(_linear(self.pointwise_conv2, self.activation(states)))


def _linear(convolution: nn.Conv1d, states: Tensor) -> Tensor:
    return functional.linear(states, convolution.weight[..., 0], convolution.bias)

"""Masked prediction of cluster ids: HuBERT (Hsu et al. 2021, arXiv:2106.07447), likewise WavLM (Chen et al. 2022)."""

from __future__ import annotations

from typing import TypedDict

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedConfig, PreTrainedModel

from hf_speech_tl.models import frames_of, input_name, take_masks
from hf_speech_tl.objectives.tally import Tally

_TEMPERATURE = 0.1
_WIDTH = 256  # of the space in which states and codes are compared


class MaskedBatch(TypedDict):
    """inputs `(batch, samples)`, or `(batch, frames, features)` of log-mel; attention_mask, 1 where they are a clip's
    own; masked `(batch, frames)`, bool, False behind the clip; targets `(batch, frames)`, cluster ids, -100 where a
    frame has none. Frames are those that `models.frame_count` tells of the longest clip.
    """

    inputs: Tensor
    attention_mask: Tensor
    masked: Tensor
    targets: Tensor


class MaskedPrediction(nn.Module):
    """An encoder that learns to tell, for frames it cannot hear, to which cluster they belong.

    Its last layer's states are projected and compared, by cosine over a temperature of 0.1, with a learnt code a
    cluster; the loss is the cross entropy of the masked frames alone. A model that knows no more than how often each
    cluster occurs has a loss of the clusters' entropy a frame.
    """

    def __init__(self, encoder: PreTrainedModel, clusters: int) -> None:
        """encoder: a base model without a head, of a family that `check_maskable` lets pass; from now on it masks what
        it is told to. clusters: as many as the targets have."""
        super().__init__()
        take_masks(encoder)
        self.encoder = encoder
        self.projection = nn.Linear(encoder.config.hidden_size, _WIDTH)
        self.codes = nn.Parameter(torch.randn(clusters, _WIDTH))
        self.tally = Tally("cluster", 1, clusters)

    @property
    def config(self) -> PreTrainedConfig:
        """The encoder's."""
        return self.encoder.config

    def forward(self, batch: MaskedBatch) -> Tensor:
        """Each utterance's loss, `(batch,)`: in nats, summed over its masked frames, float32.

        In training, `tally` gets to know what was predicted.
        """
        inputs, mask = batch["inputs"], batch["attention_mask"]
        # A padded batch may come out a frame longer than the longest of its clips does alone.
        behind = (0, frames_of(self.config, inputs.shape[1]) - batch["masked"].shape[1])
        masked = functional.pad(batch["masked"], behind)
        targets = functional.pad(batch["targets"], behind, value=-100)
        states = self.encoder(
            **{input_name(self.config): inputs}, attention_mask=mask, mask_time_indices=masked
        ).last_hidden_state
        counted = masked & (targets >= 0)
        directions, scores = self._scores(states[counted])
        losses = functional.cross_entropy(scores, targets[counted], reduction="none")
        if self.training:
            best = scores.argmax(-1)
            self.tally.add(directions, best[:, None], best == targets[counted])
        return losses.new_zeros(counted.shape).masked_scatter(counted, losses).sum(-1)

    def count(self, batch: MaskedBatch) -> int:
        """How many frames a step's sum is divided by: those masked that have a target."""
        return int((batch["masked"] & (batch["targets"] >= 0)).sum())

    def _scores(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Of states `(frames, width)` the directions into which they are projected, of length 1, and the logits
        `(frames, clusters)`, float32."""
        with torch.autocast(states.device.type, enabled=False):  # 8 bits of a cosine would be 0.04 of a logit
            directions = functional.normalize(self.projection(states.float()), dim=-1)
            return directions, directions @ functional.normalize(self.codes, dim=-1).T / _TEMPERATURE

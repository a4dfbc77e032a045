"""Contrastive learning of quantised speech: wav2vec 2.0 (Baevski et al. 2020, arXiv:2006.11477)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedConfig, PreTrainedModel

from hf_speech_tl.models import frames_of, input_name, take_masks
from hf_speech_tl.objectives.tally import Tally


def draw_negatives(masked: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """For each masked frame of a clip `count` other masked frames of it: `(frames, count)`, int64 indices of frames.

    masked: `(frames,)`, bool. Each of the others is drawn as often as the next, and may be drawn again. The only masked
    frame of a clip is its own negative, which the loss leaves out; the rows of frames that are not masked are 0.
    """
    places = np.flatnonzero(masked)
    negatives = np.zeros((len(masked), count), np.int64)
    if len(places) > 1:
        drawn = generator.integers(len(places) - 1, size=(len(places), count))
        negatives[places] = places[drawn + (drawn >= np.arange(len(places))[:, None])]
    else:
        negatives[places] = places[:, None]
    return negatives


class Contrastive(nn.Module):
    """A `*ForPreTraining` model of transformers that learns to tell a masked frame's code from those of others.

    The encoder's features of each masked frame are quantised: in every group one of the codes is drawn, by the Gumbel
    softmax. What the transformer predicts for the frame, which it cannot hear, is compared by cosine with the quantised
    frame and with those of its negatives; that gives a cross entropy. The diversity loss, times
    `config.diversity_loss_weight` and the number of masked frames, keeps all codes in use.

    Modules, weights and settings are those of the model, and so is the loss, up to rounding; but it is computed for
    masked frames alone, and for each clip as a product of matrices. The model's own forward pass lays out a tensor of
    `(negatives, batch, frames, width)` and each code's vector for each frame: for 40 s of audio, 320 codes and 100
    negatives 2 GB instead of 0.02, and 7 s on one core instead of 0.1. It also keeps to itself which frames were right.

    The noise comes from torch's stream of random numbers. The diversity is that of all clips of a micro-batch; that of
    the step's micro-batches is a mean.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        """model: one that `add_quantiser` made; from now on its encoder masks what it is told to."""
        super().__init__()
        self.model: Any = model  # of its modules no types are known
        take_masks(self.encoder)
        self.tally = Tally("code", model.config.num_codevector_groups, model.config.num_codevectors_per_group)

    @property
    def encoder(self) -> PreTrainedModel:
        """The part without quantiser and projections."""
        return self.model.base_model

    @property
    def config(self) -> PreTrainedConfig:
        """The model's."""
        return self.model.config

    def forward(self, batch: dict[str, Any]) -> Tensor:
        """Each utterance's loss, `(batch,)`: in nats, summed over its masked frames, float32.

        batch: inputs `(batch, samples)`, or `(batch, frames, channels)` where a frozen feature encoder made them
        before; attention_mask over samples; masked `(batch, frames)`, bool, False behind the clip; negatives
        `(batch, frames, count)`, of `draw_negatives`. In training, `tally` gets to know what was predicted.
        """
        inputs, negatives = batch["inputs"], batch["negatives"]
        frames = inputs.shape[1] if inputs.dim() == 3 else frames_of(self.config, inputs.shape[1])
        # A padded batch may come out a frame longer than the longest of its clips does alone.
        masked = functional.pad(batch["masked"], (0, frames - batch["masked"].shape[1]))
        heard = self.encoder(
            **{input_name(self.config): inputs}, attention_mask=batch["attention_mask"], mask_time_indices=masked
        )
        counts = masked.sum(-1)
        with torch.autocast(inputs.device.type, enabled=False):  # 8 bits of a cosine would be 0.04 of a logit
            scores = self._scores(self.model.dropout_features(heard.extract_features)[masked].float())
            vectors, codes, perplexity = self._quantise(scores)
            targets = functional.normalize(self.model.project_q(vectors), dim=-1)
            predictions = functional.normalize(self.model.project_hid(heard.last_hidden_state[masked].float()), dim=-1)
            places = (masked.cumsum(-1) - 1).clamp(min=0)  # of a masked frame among those of its clip
            losses, picked = [], []
            pieces = zip(*(each.split(counts.tolist()) for each in (predictions, targets, codes)), strict=True)
            for clip, (mine, theirs, own) in enumerate(pieces):
                others = places[clip, negatives[clip][batch["masked"][clip]]]
                loss, right = self._tell_apart(mine, theirs, own, others)
                losses.append(loss)
                picked.append(right)
        if self.training:
            self.tally.add(predictions, scores.argmax(-1), torch.cat(picked))
        diversity = 1 - perplexity / (self.tally.groups * self.tally.codes)
        return torch.stack(losses) + self.config.diversity_loss_weight * diversity * counts

    def count(self, batch: dict[str, Any]) -> int:
        """How many frames a step's sum is divided by: those masked."""
        return int(batch["masked"].sum())

    def _scores(self, features: Tensor) -> Tensor:
        """How well each code fits frames `(frames, channels)`: `(frames, groups, codes)`."""
        return self.model.quantizer.weight_proj(features).unflatten(-1, (self.tally.groups, self.tally.codes))

    def _quantise(self, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Code vectors `(frames, width)`, which codes they are of, `(frames, groups)`, and the perplexity of all frames
        together, a sum over groups.

        In training codes are drawn, and the perplexity is that of their probabilities; else the best one counts.
        """
        quantiser = self.model.quantizer
        if self.training:
            chosen = functional.gumbel_softmax(scores, tau=quantiser.temperature, hard=True)
            shares = scores.softmax(-1)
        else:
            chosen = shares = functional.one_hot(scores.argmax(-1), self.tally.codes).to(scores)
        vectors = torch.einsum("ngc,gcw->ngw", chosen, quantiser.codevectors.view(*scores.shape[1:], -1)).flatten(1)
        mean = shares.sum(0) / max(1, len(shares))
        # A code that no frame has any probability of would have the gradient 0 / 0.
        entropy = -(mean * mean.clamp(min=torch.finfo(mean.dtype).tiny).log()).sum(-1)
        return vectors, chosen.argmax(-1), entropy.exp().sum()

    def _tell_apart(self, predictions: Tensor, targets: Tensor, codes: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of a clip, summed over its masked frames, and whether each frame's target was picked, `(frames,)`.

        predictions, targets: `(frames, width)`, of length 1; others: `(frames, count)`, the negatives as rows of these.
        A negative with the same codes is left out; a frame that has only such, as all have when a codebook has
        collapsed, has a loss of 0, and nothing was picked.
        """
        similar = predictions @ targets.T / self.config.contrastive_logits_temperature
        different = (codes[others] != codes[:, None]).any(-1)
        scores = similar.gather(1, others).masked_fill(~different, -torch.inf)
        scores = torch.cat([similar.diagonal()[:, None], scores], 1)
        loss = functional.cross_entropy(scores, others.new_zeros(len(others)), reduction="sum")
        return loss, (scores.argmax(-1) == 0) & different.any(-1)

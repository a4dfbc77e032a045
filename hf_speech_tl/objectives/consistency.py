"""Consistency-regularised CTC (CR-CTC): two views of an utterance, each the other's teacher (Yao et al. 2024)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from hf_speech_tl.objectives.ctc import ctc_losses


def consistent_losses(log_probabilities: Tensor, frames: Tensor, labels: Tensor, blank: int, weight: float) -> Tensor:
    """The loss of each utterance, `(batch,)`: the mean of its views' CTC losses, and `weight` times their disagreement.

    log_probabilities: `(2 * batch, frames, symbols)`, float32, the first views of all utterances and then the second;
    frames: `(2 * batch,)`, those that are not padding, as many in both views; labels: `(batch, labels)`, padded with
    -100. The disagreement is the Kullback-Leibler divergence of each view from the other, which counts as given, summed
    over frames and halved. In the paper (arXiv:2410.05101) it stands beside CTC losses that are sums; ours are a label,
    so it is divided by the labels as well, and a weight means the same.
    """
    losses = ctc_losses(log_probabilities, frames, torch.cat([labels, labels]), blank)
    one, other = losses.chunk(2)
    counts = torch.clamp((labels >= 0).sum(-1), min=1)
    return (one + other) / 2 + weight * disagreement(log_probabilities, frames) / counts


def disagreement(log_probabilities: Tensor, frames: Tensor) -> Tensor:
    """Half the sum of both divergences over an utterance's own frames: `(batch,)`, in nats; arguments as above."""
    one, other = log_probabilities.detach().chunk(2)
    divergences = functional.kl_div(log_probabilities, torch.cat([other, one]), reduction="none", log_target=True).sum(
        -1
    )
    inside = torch.arange(divergences.shape[1], device=frames.device) < frames[:, None]
    both = divergences.masked_fill(~inside, 0.0).sum(-1)
    first, second = both.chunk(2)
    return (first + second) / 2

"""Connectionist temporal classification (Graves et al. 2006)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def ctc_losses(log_probabilities: Tensor, frames: Tensor, labels: Tensor, blank: int) -> Tensor:
    """The CTC loss of each utterance, divided by its number of labels: `(batch,)`, in nats a label.

    log_probabilities: `(batch, frames, symbols)`, float32. frames: `(batch,)`, those that are not padding.
    labels: `(batch, labels)`, padded with -100. An utterance with more labels than frames has loss 0 and no gradient.
    """
    counts = (labels >= 0).sum(-1)
    losses = functional.ctc_loss(
        log_probabilities.transpose(0, 1),
        labels[labels >= 0],
        frames,
        counts,
        blank=blank,
        reduction="none",
        zero_infinity=True,
    )
    return losses / torch.clamp(counts, min=1)

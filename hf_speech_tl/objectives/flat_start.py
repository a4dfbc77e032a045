"""A flat start: labels spread evenly over the clip, before any alignment is known.

CTC from random weights first learns to say blank only, and may stay there for most of a short run. Hidden Markov model
recipes begin instead with an equal segmentation of each utterance (HTK's flat start; Young et al., The HTK Book); here
that segmentation gives the targets of a frame-wise cross-entropy that fades out while CTC fades in.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def flat_start_losses(log_probabilities: Tensor, frames: Tensor, labels: Tensor) -> Tensor:
    """The mean frame-wise cross-entropy of each utterance against evenly spread labels: `(batch,)`, in nats a frame.

    Shapes as in `ctc_losses`.
    """
    counts = (labels >= 0).sum(-1)
    position = torch.arange(log_probabilities.shape[1], device=labels.device)
    inside = position < frames[:, None]
    at = torch.div(position * counts[:, None], frames[:, None].clamp(min=1), rounding_mode="floor")
    targets = labels.gather(1, at.clamp(max=labels.shape[1] - 1)).masked_fill(~inside, -100)
    losses = functional.nll_loss(log_probabilities.transpose(1, 2), targets, ignore_index=-100, reduction="none")
    return losses.sum(-1) / frames.clamp(min=1)

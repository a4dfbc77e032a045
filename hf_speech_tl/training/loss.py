"""From a batch to the loss of each of its utterances, as a step and the measuring before the run both take it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig

from hf_speech_tl.models import logits_of
from hf_speech_tl.objectives import consistent_losses, ctc_losses
from hf_speech_tl.training.clips import Batch


def utterance_losses(
    model: nn.Module, config: PreTrainedConfig, batch: Batch, blank: int, consistency: float = 0.0
) -> Tensor:
    """The loss of each utterance, `(batch,)`. config: the model's, which may be wrapped.

    consistency: the weight of the agreement of two views, in one forward pass; where the batch has no second views the
    model's own masking makes two of the one.
    """
    inputs, mask = batch["inputs"], batch["attention_mask"]
    if consistency and len(inputs) == len(batch["labels"]):
        inputs, mask = torch.cat([inputs, inputs]), torch.cat([mask, mask])
    logits, frames = logits_of(model, config, inputs, mask)
    log_probabilities = logits.float().log_softmax(-1)
    if consistency:
        return consistent_losses(log_probabilities, frames, batch["labels"], blank, consistency)
    return ctc_losses(log_probabilities, frames, batch["labels"], blank)

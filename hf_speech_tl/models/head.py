"""The CTC head of a model: new rows for a new vocabulary, of old ones where symbols are alike."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from huggingface_hub.errors import StrictDataclassFieldValidationError
from torch import nn
from transformers import PreTrainedModel

from hf_speech_tl.models.checkpoint import Checkpoint
from hf_speech_tl.models.families import FAMILIES
from hf_speech_tl.models.fresh import fresh_head
from hf_speech_tl.models.inheritance import Origin
from hf_speech_tl.models.vocabulary import Vocabulary


def head_of(model: PreTrainedModel) -> nn.Linear | nn.Conv1d:
    """The output layer: linear, or a convolution over single frames."""
    return getattr(model, FAMILIES[model.config.model_type].head)


def encoder_of(model: PreTrainedModel) -> PreTrainedModel:
    """The model below its head."""
    own_name = FAMILIES[model.config.model_type].encoder
    encoder: PreTrainedModel = getattr(model, own_name or model.base_model_prefix)
    return encoder


def is_of_head(parameter_name: str) -> bool:
    """Whether the parameter is one of the head's, also where adapters or processes have wrapped the model."""
    return any(f"{family.head}." in parameter_name for family in FAMILIES.values())


def replace_head(checkpoint: Checkpoint, vocabulary: Vocabulary, origins: Sequence[Origin] = ()) -> None:
    """Give the model a head for `vocabulary`: random rows, or, with an origin for each symbol, those of its old head.

    A symbol of which nothing is known gets the mean row and, as noise, the random one: it then begins as likely as any,
    and unlike others of its kind. As many random numbers are drawn either way, so that what is drawn later is the same.
    """
    model = checkpoint.model
    old_head = head_of(model)
    head = fresh_head(old_head, len(vocabulary), getattr(model.config, "initializer_range", 0.02))
    with torch.no_grad():
        for index, origin in enumerate(origins):
            for new, known in zip(head.parameters(), old_head.parameters(), strict=True):  # weight and bias
                inherited = known[list(origin.rows)].mean(dim=0)
                new[index] = inherited + new[index] if origin.kind == "mean" else inherited
    setattr(model, FAMILIES[model.config.model_type].head, head)
    model.config.vocab_size = len(vocabulary)
    model.config.pad_token_id = vocabulary.blank
    for name in ("bos_token_id", "eos_token_id"):
        # A checkpoint's own <s> and </s> may be beyond the new vocabulary.
        try:
            setattr(model.config, name, None)
        except StrictDataclassFieldValidationError:  # UniSpeech-SAT insists on a number
            setattr(model.config, name, vocabulary.blank)

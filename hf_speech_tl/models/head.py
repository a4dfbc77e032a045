"""The CTC head of a model: new rows for a new vocabulary, old ones kept where the symbol is the same."""

from __future__ import annotations

import torch
from huggingface_hub.errors import StrictDataclassFieldValidationError
from torch import nn
from transformers import PreTrainedModel

from hf_speech_tl.models.checkpoint import Checkpoint
from hf_speech_tl.models.families import FAMILIES
from hf_speech_tl.models.fresh import fresh_head
from hf_speech_tl.models.vocabulary import DELIMITER, Vocabulary


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


def replace_head(checkpoint: Checkpoint, vocabulary: Vocabulary) -> list[str]:
    """Give the model a head for `vocabulary`; returns the symbols whose rows came over from its old one.

    A symbol also takes the row of its capital: published English checkpoints write in capitals.
    """
    model, old = checkpoint.model, checkpoint.vocabulary
    old_head = head_of(model)
    head = fresh_head(old_head, len(vocabulary), getattr(model.config, "initializer_range", 0.02))
    carried = []
    if old is not None:
        rows = {symbol: index for index, symbol in enumerate(old.symbols) if symbol}
        rows.setdefault(DELIMITER, rows.get(" ", -1))
        with torch.no_grad():
            for index, symbol in enumerate(vocabulary.symbols):
                row = old.blank if index == vocabulary.blank else rows.get(symbol, rows.get(symbol.upper(), -1))
                if row >= 0:
                    for new, known in zip(head.parameters(), old_head.parameters(), strict=True):  # weight and bias
                        new[index] = known[row]
                    carried.append(symbol)
    setattr(model, FAMILIES[model.config.model_type].head, head)
    model.config.vocab_size = len(vocabulary)
    model.config.pad_token_id = vocabulary.blank
    for name in ("bos_token_id", "eos_token_id"):
        # A checkpoint's own <s> and </s> may be beyond the new vocabulary.
        try:
            setattr(model.config, name, None)
        except StrictDataclassFieldValidationError:  # UniSpeech-SAT insists on a number
            setattr(model.config, name, vocabulary.blank)
    return carried

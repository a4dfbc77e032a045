"""The CTC head of a model: new rows for a new vocabulary, old ones kept where the symbol is the same."""

from __future__ import annotations

import torch
from huggingface_hub.errors import StrictDataclassFieldValidationError

from hf_speech_tl.models.checkpoint import Checkpoint
from hf_speech_tl.models.fresh import fresh_head
from hf_speech_tl.models.vocabulary import DELIMITER, Vocabulary


def replace_head(checkpoint: Checkpoint, vocabulary: Vocabulary) -> list[str]:
    """Give the model a head for `vocabulary`; returns the symbols whose rows came over from its old one.

    A symbol also takes the row of its capital: published English checkpoints write in capitals.
    """
    model, old = checkpoint.model, checkpoint.vocabulary
    head = fresh_head(model, len(vocabulary))
    carried = []
    if old is not None:
        rows = {symbol: index for index, symbol in enumerate(old.symbols) if symbol}
        rows.setdefault(DELIMITER, rows.get(" ", -1))
        with torch.no_grad():
            for index, symbol in enumerate(vocabulary.symbols):
                row = old.blank if index == vocabulary.blank else rows.get(symbol, rows.get(symbol.upper(), -1))
                if row >= 0:
                    head.weight[index] = model.lm_head.weight[row]
                    head.bias[index] = model.lm_head.bias[row]
                    carried.append(symbol)
    model.lm_head = head
    model.config.vocab_size = len(vocabulary)
    model.config.pad_token_id = vocabulary.blank
    for name in ("bos_token_id", "eos_token_id"):
        # A checkpoint's own <s> and </s> may be beyond the new vocabulary.
        try:
            setattr(model.config, name, None)
        except StrictDataclassFieldValidationError:  # UniSpeech-SAT insists on a number
            setattr(model.config, name, vocabulary.blank)
    return carried

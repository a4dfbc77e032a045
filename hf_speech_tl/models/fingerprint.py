"""A hash of what decides what a model makes of a clip, by which things made before are found again."""

from __future__ import annotations

import hashlib

from torch import nn
from transformers import PreTrainedConfig

# Words in the names of settings that change nothing in what is made: of the head, of what is random, of where it came
# from.
_BESIDE = ("vocab", "token", "ctc", "dropout", "mask", "dtype", "version", "architectures", "name_or_path", "label")
_UNUSED = "masked_spec_embed"  # random where the checkpoint has none


def fingerprint(module: nn.Module, config: PreTrainedConfig, *described: object) -> str:
    """Of the weights, of what in the configuration decides, and of what else is described, by its `repr`."""
    state = hashlib.blake2b(digest_size=16)
    shape = {name: value for name, value in config.to_dict().items() if not any(word in name for word in _BESIDE)}
    state.update(repr([sorted(shape.items()), *described]).encode())
    for name, weight in sorted(module.state_dict().items()):
        if name != _UNUSED:
            state.update(name.encode())
            state.update(weight.detach().cpu().contiguous().numpy().tobytes())
    return state.hexdigest()

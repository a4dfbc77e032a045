"""Where bfloat16 is multiplied by instructions of its own."""

from __future__ import annotations

import torch

_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")  # instructions that multiply it, the last on ARM


def is_bfloat16_emulated() -> bool:
    """Whether this CPU, or torch on it, has no instructions for bfloat16."""
    has = torch.cpu.get_capabilities()
    return not (torch.backends.mkldnn.is_available() and any(has.get(one) for one in _BFLOAT16))


def quick_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where there are instructions for it, else float32: for what is computed without a gradient.

    Never timed, so that one machine answers alike however busy it is.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    return torch.float32 if is_bfloat16_emulated() else torch.bfloat16

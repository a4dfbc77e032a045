"""What the machine multiplies by instructions of its own."""

import time

import pytest
import torch

from hf_speech_tl.models import quick_dtype

_CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("has", "library", "dtype"),
    [
        ({"avx2": True}, True, torch.float32),
        ({"avx512_bf16": True}, True, torch.bfloat16),
        ({"bf16": True}, True, torch.bfloat16),
        ({"bf16": True}, False, torch.float32),  # torch for macOS
    ],
)
def test_what_is_kept_is_computed_by_instructions_and_not_by_a_clock(has, library, dtype, monkeypatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: library)
    monkeypatch.setattr(time, "perf_counter", lambda: pytest.fail("a clock was asked"))
    assert quick_dtype(_CPU) == dtype

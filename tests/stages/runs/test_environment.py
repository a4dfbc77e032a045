"""What a run says that it took of the machine."""

from __future__ import annotations

import subprocess
import sys

import pytest

_CHILD = "from hf_speech_tl.stages.runs.environment import peak_memory_mb; print(peak_memory_mb())"
_HEAVY_PARENT = f"""
import subprocess, sys
held = b"x" * 1_500_000_000
subprocess.run([sys.executable, "-c", {_CHILD!r}], check=True)
"""


@pytest.mark.slow
def test_the_peak_is_of_this_process_whatever_the_one_held_that_started_it() -> None:
    done = subprocess.run([sys.executable, "-c", _HEAVY_PARENT], capture_output=True, text=True, check=True)
    assert 50 < int(done.stdout) < 1200

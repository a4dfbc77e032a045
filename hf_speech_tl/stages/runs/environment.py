"""The machine a run ran on, and what it took of it."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import psutil
import torch
import transformers

import hf_speech_tl


def describe_environment() -> dict[str, str | int]:
    """Versions and hardware, for results.json; nothing that names a person or a path."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else (platform.processor() or platform.machine())
    return {
        "hf_speech_tl": hf_speech_tl.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "system": platform.system(),
        "device": device,
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
    }


def peak_memory_mb() -> int:
    """The most memory this process held, in MB; on a GPU, the most that torch held there."""
    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_allocated() / 1e6)
    if sys.platform == "win32":
        return round(psutil.Process().memory_info().peak_wset / 1e6)
    if sys.platform == "linux":  # where ru_maxrss begins at what the process held that started this one
        lines = Path("/proc/self/status").read_text("utf-8").splitlines()
        return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6)
    import resource

    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)

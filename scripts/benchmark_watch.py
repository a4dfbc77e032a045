"""A process watched from outside: what it says and when, its memory, and how busy the machine was with others."""

from __future__ import annotations

import json
import os
import platform
import queue
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from hf_speech_tl.errors import RunError

BUSY = 0.1  # of the machine, that others may take before a figure is marked
_EVERY = 0.25  # seconds between two looks at the memory
_BEFORE = 1.0  # seconds of looking at the machine before a process starts
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16", "bf16", "sve")


@dataclass(frozen=True)
class Event:
    """What a process said of itself, at `seconds` after its start."""

    name: str
    seconds: float
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class Watched:
    """events: lines that began with @; lines: the others. seconds: from start to end.

    peak_mb: the most memory that the process and its children held together, by resident pages; pages that they share
    are counted for each. Looked at four times a second, and on Linux not less than the peak that the system noted of
    any one of them (not by ru_maxrss, which begins at what the process that started it held). others: the share of the
    machine's processors that other programs took meanwhile; before: in the second before, when nothing of ours ran.
    """

    events: tuple[Event, ...]
    lines: tuple[str, ...]
    seconds: float
    peak_mb: float
    others: float
    before: float


class Failed(RunError):
    """A process that ended with another exit code than 0."""


def watch(command: Sequence[str], log: Path, **environment: str) -> Watched:
    """Run a command to its end, its error stream going to the end of `log`.

    environment: variables beside our own. Raises Failed.
    """
    before = _others_for(_BEFORE)
    busy, own, begin = _busy(), time.process_time(), time.monotonic()
    with log.open("ab") as errors:
        process = subprocess.Popen(
            list(command), env=os.environ | environment, stdout=subprocess.PIPE, stderr=errors, encoding="utf-8"
        )
    said: queue.Queue[tuple[float, str]] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, said, begin), daemon=True)
    reader.start()
    peak, status, usage = 0.0, 0, None
    try:
        while usage is None:
            ended, status, used = os.wait4(process.pid, os.WNOHANG)
            if ended:
                usage = used
            else:
                peak = max(peak, _memory(process.pid))
                time.sleep(_EVERY)
    except BaseException:
        process.kill()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - begin
    reader.join()
    spent = usage.ru_utime + usage.ru_stime + time.process_time() - own
    others = max(0.0, _busy() - busy - spent) / (seconds * (psutil.cpu_count() or 1))
    if process.returncode:
        raise Failed(f"{' '.join(map(str, command[:3]))} ... ended with {process.returncode}: see {log}")
    events, lines = [], []
    while not said.empty():
        at, line = said.get()
        if line.startswith("@ "):
            figures = json.loads(line[2:])
            events.append(Event(figures.pop("event"), at, figures))
        else:
            lines.append(line)
    return Watched(tuple(events), tuple(lines), seconds, peak, min(1.0, others), min(1.0, before))


def describe_machine() -> dict[str, object]:
    """The processor or GPU, its instructions that matter here, its cores, and the versions of what computes on it."""
    import torch
    import transformers

    name, flags = platform.processor() or platform.machine(), set()
    if (info := Path("/proc/cpuinfo")).is_file():
        said = dict(line.split(":", 1) for line in info.read_text("utf-8").splitlines() if ":" in line)
        known = {key.strip(): value.strip() for key, value in said.items()}
        name, flags = known.get("model name", name), set(known.get("flags", known.get("Features", "")).split())
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "processor": name,
        "instructions": [flag for flag in _FLAGS if flag in flags],
        "cores": psutil.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "gpu": gpu,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
    }


def name_machine(machine: Mapping[str, object]) -> str:
    """What of `describe_machine` decides how fast it is, in a line: runs are compared only where it is the same."""
    on = f"{machine['gpu'] or machine['processor']}, {machine['cores']} cores, {machine['threads']} threads"
    return f"{on}, torch {machine['torch']}, transformers {machine['transformers']}"


def _read(process: subprocess.Popen[str], said: queue.Queue[tuple[float, str]], begin: float) -> None:
    assert process.stdout
    for line in process.stdout:
        said.put((time.monotonic() - begin, line.rstrip("\n")))


def _memory(pid: int) -> float:
    """Resident MB of a process and its children, or the most that one of them ever held, if that is more."""
    held, most = 0.0, 0.0
    try:
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            held += one.memory_info().rss / 1e6
            most = max(most, _noted(one.pid))
    except psutil.Error:  # ended meanwhile
        pass
    return max(held, most)


def _noted(pid: int) -> float:
    """The most MB that this process held so far, as Linux says it; 0 elsewhere."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:")), 0.0)


def _busy() -> float:
    """Seconds that the processors have worked so far, on anything; on a virtual machine, also for its neighbours."""
    times = psutil.cpu_times()
    return sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal"))


def _others_for(seconds: float) -> float:
    busy, own, begin = _busy(), time.process_time(), time.monotonic()
    time.sleep(seconds)
    spent = time.process_time() - own
    return max(0.0, _busy() - busy - spent) / ((time.monotonic() - begin) * (psutil.cpu_count() or 1))

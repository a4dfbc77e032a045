"""What the frozen part of a model makes of the training clips, computed once, and on disk where later runs find it."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hf_speech_tl.errors import RunError
from hf_speech_tl.models import Frozen

_LEFT_FREE = 0.1  # of the disk, below which nothing more is put there


@dataclass
class Features:
    """directory: where they are kept beside memory, None for memory alone.

    spent: seconds that computing them took so far.
    """

    frozen: Frozen
    directory: Path | None = None
    spent: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        if self.directory is not None:
            self.directory /= self.frozen.fingerprint()

    def of(self, pulses: np.ndarray) -> np.ndarray:
        """What the frozen part makes of a clip of 16-bit samples `(samples,)`: float16 `(frames, width)`.

        Raises RunError where the values are too large for 16 bits.
        """
        path = self._path(pulses)
        if path is not None:
            with suppress(OSError, ValueError, EOFError):  # not there, or cut short
                return np.load(path)
        begin = time.perf_counter()
        made = self.frozen(pulses.astype(np.float32) / 32767).numpy()
        self.spent += time.perf_counter() - begin
        if not np.isfinite(made).all():
            raise RunError("what this model's frozen layers make of a clip does not fit into 16 bits: use --cache none")
        if path is not None:
            _write(made, path)
        return made

    def _path(self, pulses: np.ndarray) -> Path | None:
        if self.directory is None:
            return None
        name = hashlib.blake2b(pulses.tobytes(), digest_size=16).hexdigest()
        return self.directory / name[:2] / f"{name}.npy"


def _write(made: np.ndarray, path: Path) -> None:
    """Beside, then renamed; a disk that is full or cannot be written to only means that it is computed again."""
    half = path.with_suffix(f".{uuid.uuid4().hex}.part")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        disk = shutil.disk_usage(path.parent)
        if disk.free < _LEFT_FREE * disk.total:
            return
        try:
            with half.open("wb") as file:
                np.save(file, made)
            os.replace(half, path)
        finally:
            half.unlink(missing_ok=True)

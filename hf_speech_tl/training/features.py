"""What the frozen part of a model makes of the training clips, computed once, and on disk where later runs find it."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hf_speech_tl.audio import from_pulses
from hf_speech_tl.models import Frozen
from hf_speech_tl.training.store import Store


@dataclass
class Features:
    """directory: where they are kept beside memory, None for memory alone.

    spent: seconds that computing them took so far.
    """

    frozen: Frozen
    directory: Path | None = None
    spent: float = field(default=0.0, init=False)
    _told: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._store = Store(self.directory / self.frozen.fingerprint()) if self.directory is not None else None

    @property
    def room(self) -> float:
        """Bytes that may be put on the disk."""
        return self._store.room if self._store else 0.0

    @property
    def stored(self) -> float:
        """Bytes that are on the disk already."""
        return self._store.size if self._store else 0.0

    def of(self, pulses: np.ndarray) -> np.ndarray | None:
        """What the frozen part makes of a clip of 16-bit samples `(samples,)`: float16 `(frames, width)`.

        None where the values are too large for that, which is told of the first such clip.
        """
        if self._store and (known := self._store.get(pulses)) is not None:
            return known
        begin = time.perf_counter()
        made = self.frozen(from_pulses(pulses)).numpy()
        self.spent += time.perf_counter() - begin
        if not np.isfinite(made).all():
            if not self._told:
                self._told = True
                print(
                    f"what {self.frozen.end} makes of a clip does not fit into 16 bits: batches with such clips are "
                    "computed anew each time, as with --cache none",
                    file=sys.stderr,
                )
            return None
        if self._store:
            self._store.put(pulses, made)  # on a disk that is full it is only computed again
        return made

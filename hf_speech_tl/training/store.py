"""Arrays on the disk that were made of clips, found again by the clip's own samples."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_LEFT_FREE = 0.1  # of the disk, below which nothing more is put there
_COMPLETE = ".complete.json"


@dataclass(frozen=True)
class Store:
    """directory: of what one model makes, named by its fingerprint. It may be shared and killed at any time: a file is
    there whole or not at all."""

    directory: Path

    def get(self, pulses: np.ndarray) -> np.ndarray | None:
        """What was made of a clip of 16-bit samples `(samples,)`; None where it is not there, or cut short."""
        with suppress(OSError, ValueError, EOFError):
            return np.load(self._path(pulses))
        return None

    def put(self, pulses: np.ndarray, made: np.ndarray) -> bool:
        """Keep it; False where the disk is full, nearly so, or cannot be written to."""
        path = self._path(pulses)
        half = path.with_suffix(f".{uuid.uuid4().hex}.part")
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not self.room:
                return False
            try:
                with half.open("wb") as file:
                    np.save(file, made)
                os.replace(half, path)
                return True
            finally:
                half.unlink(missing_ok=True)
        return False

    @property
    def room(self) -> float:
        """Bytes that the disk takes before it is so full that nothing more is put there."""
        place = next(one for one in (self.directory, *self.directory.absolute().parents) if one.exists())
        disk = shutil.disk_usage(place)
        return max(0.0, disk.free - _LEFT_FREE * disk.total)

    @property
    def size(self) -> float:
        """Bytes of what is kept already."""
        total = 0
        for file in self.directory.glob("*/*.npy"):
            with suppress(OSError):  # gone since
                total += file.stat().st_size
        return total

    def complete(self, key: str) -> dict[str, str] | None:
        """What `note_complete` noted under this key; None where it noted nothing, or not to the end."""
        with suppress(OSError, ValueError):
            noted = json.loads((self.directory / f"{key}{_COMPLETE}").read_text("utf-8"))
            return noted if isinstance(noted, dict) else None
        return None

    def note_complete(self, key: str, bad: Mapping[str, str]) -> None:
        """Note that all clips of a set that `key` names are there, but those that are `bad`: with their reasons."""
        self.directory.mkdir(parents=True, exist_ok=True)
        half = self.directory / f"{key}.{uuid.uuid4().hex}.part"
        half.write_text(json.dumps(dict(bad)), "utf-8")
        os.replace(half, self.directory / f"{key}{_COMPLETE}")

    def forget_complete(self) -> None:
        """Take back what was noted of any set: something is gone."""
        for note in self.directory.glob(f"*{_COMPLETE}"):
            note.unlink(missing_ok=True)

    def _path(self, pulses: np.ndarray) -> Path:
        name = hashlib.blake2b(pulses.tobytes(), digest_size=16).hexdigest()
        return self.directory / name[:2] / f"{name}.npy"

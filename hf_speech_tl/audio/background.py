"""Recordings that clips are mixed with: background noise, room impulse responses. Decoded when first needed, kept."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hf_speech_tl.audio.decode import decode, read_header
from hf_speech_tl.audio.fault import BadAudio
from hf_speech_tl.audio.pulses import from_pulses, to_pulses
from hf_speech_tl.errors import DataError

_KEPT_BYTES = 1 << 28  # of decoded audio: over two hours as 16-bit samples
_PIECE = 60.0  # seconds: a longer recording is drawn from in pieces, of which one is decoded at a time


@dataclass
class Background:
    """The pieces, of some minute at most, of recordings in `files`.

    They are numbered by the files' headers, and the samples of a number do not depend on what was drawn before: a
    process that starts later, or anew, draws the same. A recording that cannot be decoded is left out, and told of once
    in each process.
    """

    files: Sequence[Path]
    _pieces: list[tuple[Path, float, float]] = field(default_factory=list, init=False)
    _kept: dict[int, np.ndarray] = field(default_factory=dict, init=False)
    _kept_bytes: int = field(default=0, init=False)

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        """Samples of a piece by chance, float32 `(samples,)` at 16 kHz. Raises DataError where none can be decoded."""
        if not self._pieces:
            self._pieces = [piece for file in self.files for piece in self._cut(file)]
        count = len(self._pieces)
        first = int(generator.integers(count)) if count else 0
        for number in (*range(first, count), *range(first)):
            found = self._load(number)
            if len(found):
                return from_pulses(found)
        raise DataError(f"none of the {len(self.files)} recordings in {self.files[0].parent} can be decoded.")

    def _cut(self, file: Path) -> list[tuple[Path, float, float]]:
        """The pieces of a recording: file, seconds from its start, seconds of length."""
        try:
            seconds = read_header(file).seconds
        except BadAudio as error:
            self._tell(file, error)
            return []
        count = max(1, round(seconds / _PIECE))
        return [(file, at * seconds / count, seconds / count) for at in range(count)]

    def _load(self, number: int) -> np.ndarray:
        """The samples of a piece in 16 bits; none where it cannot be decoded."""
        found = self._kept.get(number)
        if found is None:
            file, start, length = self._pieces[number]
            try:
                found = to_pulses(decode(file, offset=start, length=length))
            except BadAudio as error:
                self._tell(file, error)
                found = np.zeros(0, np.int16)
            if self._kept_bytes + found.nbytes <= _KEPT_BYTES:
                self._kept[number] = found
                self._kept_bytes += found.nbytes
        return found

    def _tell(self, file: Path, error: BadAudio) -> None:
        print(f"skipped from now on: {file}: {error}", file=sys.stderr)

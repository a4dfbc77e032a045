"""Clips of made speech: a text read by espeak-ng, trimmed, brought to 16 kHz and encoded as Ogg Opus."""

from __future__ import annotations

import io
import multiprocessing
import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TypeVar

import espeak
import numpy as np
import soundfile
import soxr

RATE = 16_000
_SILENCE_SECONDS = 0.1
_PEAK = 0.7
# libsndfile's scale from 0 (256 kbit/s) to 1 (6 kbit/s). At 0.97 half an hour takes 3 MB; from 0.99 on all
# above 4 kHz is lost.
_COMPRESSION = 0.97
_CLIPS_A_PROCESS = 64
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Take:
    """What is to be said, and how: espeak-ng's names of language and voice variant, pitch 0 to 99."""

    text: str
    language: str
    variant: str
    pitch: int
    words_per_minute: int


@dataclass(frozen=True)
class Clip:
    """A take as it is kept: Ogg Opus at 16 kHz, one channel."""

    opus: bytes
    seconds: float


def record(takes: Sequence[Take]) -> list[Clip]:
    """Speak all takes, in their order. The same list gives the same bytes, on however many cores."""
    return _map_in_fresh_processes(_record, takes)


def lengths(takes: Sequence[Take]) -> list[float]:
    """The seconds that `record` would make of each take, without the encoding, which takes most of its time."""
    return _map_in_fresh_processes(_length, takes)


def _map_in_fresh_processes(what: Callable[[Take], _Answer], takes: Sequence[Take]) -> list[_Answer]:
    # espeak-ng remembers phases from clip to clip, so each process starts fresh and has a fixed share of the list.
    shares = [takes[start : start + _CLIPS_A_PROCESS] for start in range(0, len(takes), _CLIPS_A_PROCESS)]
    with multiprocessing.get_context("spawn").Pool(os.cpu_count(), maxtasksperchild=1) as pool:
        return list(chain.from_iterable(pool.map(partial(_map, what), shares, chunksize=1)))


def _map(what: Callable[[Take], _Answer], takes: Sequence[Take]) -> list[_Answer]:
    return [what(take) for take in takes]


def _record(take: Take) -> Clip:
    samples = _samples(take)
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="OGG", subtype="OPUS", compression_level=_COMPRESSION)
    return Clip(_renumber(file.getvalue()), len(samples) / RATE)


def _length(take: Take) -> float:
    return len(_samples(take)) / RATE


def _samples(take: Take) -> np.ndarray:
    spoken = espeak.speak(
        take.text, take.language, take.variant, pitch=take.pitch, words_per_minute=take.words_per_minute
    )
    return _trim(soxr.resample(spoken, espeak.RATE, RATE))


def _trim(samples: np.ndarray) -> np.ndarray:
    """Put a tenth of a second of silence at both ends, whatever was there, and the loudest sample at 0.7."""
    loudness = np.abs(samples)
    peak = loudness.max(initial=0.0)
    loud = np.flatnonzero(loudness > 0.01 * peak)
    if not loud.size:
        raise ValueError("espeak-ng said nothing")
    silence = np.zeros(round(_SILENCE_SECONDS * RATE), np.float32)
    return np.concatenate([silence, samples[loud[0] : loud[-1] + 1] * (_PEAK / peak), silence])


def _renumber(ogg: bytes) -> bytes:
    """Replace the stream number that libsndfile draws from the clock by a fixed one, and the checksums with it.

    Page layout: RFC 3533, section 6.
    """
    pages, start = bytearray(ogg), 0
    while start < len(pages):
        segments = pages[start + 26]
        end = start + 27 + segments + sum(pages[start + 27 : start + 27 + segments])
        pages[start + 14 : start + 18] = (1).to_bytes(4, "little")
        pages[start + 22 : start + 26] = bytes(4)
        pages[start + 22 : start + 26] = _checksum(pages[start:end]).to_bytes(4, "little")
        start = end
    return bytes(pages)


def _checksum(page: bytearray) -> int:
    """Ogg's CRC-32 (0x04c11db7, most significant bit first, from 0), through zlib's mirrored one (from all ones)."""
    mirrored = bytes(page).translate(_MIRROR)
    # zlib inverts what it starts from and what it returns: undo both.
    return int(f"{zlib.crc32(mirrored, 0xFFFFFFFF) ^ 0xFFFFFFFF:032b}"[::-1], 2)


_MIRROR = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))

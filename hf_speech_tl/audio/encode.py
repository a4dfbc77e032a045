"""What training hears of a recording, as a file."""

from __future__ import annotations

import functools
import io
from typing import Literal

import numpy as np
import soundfile

from hf_speech_tl.audio.pulses import from_pulses
from hf_speech_tl.audio.resample import RATE

Encoding = Literal["flac", "opus"]
_SUFFIXES = {
    b"fLaC": ".flac",
    b"OggS": ".ogg",
    b"RIFF": ".wav",
    b"ID3": ".mp3",
    b"FORM": ".aiff",
    b"\x1a\x45\xdf\xa3": ".webm",
}


def encode(pulses: np.ndarray, encoding: Encoding) -> bytes:
    """A file of 16-bit samples at 16 kHz, `(samples,)` int16 of which 32767 is full scale.

    FLAC gives these back when it is decoded and scaled so again: of a recording that had 16 bits at this rate exactly,
    of others but for 49 of the 65,536 values, near half of full scale, which come back one step off.
    """
    file = io.BytesIO()
    if encoding == "opus":
        soundfile.write(file, from_pulses(pulses), RATE, format="OGG", subtype="OPUS")
    else:
        soundfile.write(file, _written()[pulses.astype(np.int32) + 32768], RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def suffix_of(content: bytes) -> str:
    """How a file with these bytes is usually called at its end; empty where that is not to be seen."""
    if content[4:8] == b"ftyp":
        return ".m4a"
    if content[:1] == b"\xff" and content[1] & 0xE0 == 0xE0:  # a frame of MPEG: layer 0 is AAC
        return ".mp3" if content[1] & 0x06 else ".aac"
    return next((suffix for mark, suffix in _SUFFIXES.items() if content.startswith(mark)), "")


@functools.cache
def _written() -> np.ndarray:
    """For each sample from -32768 on, what a file must hold for it to be heard again, `(65536,)` int16.

    A decoder takes 32768 for full scale. Half way down, the two scales differ by half a step, which float32 rounds to
    either side: so all are tried out.
    """
    stored = np.arange(-32768, 32768).astype(np.int16)
    heard = np.rint(stored.astype(np.float32) / 32768 * 32767).astype(np.int32)
    table = stored.copy()  # what is heard of no sample: only one step off
    table[heard + 32768] = stored
    return table

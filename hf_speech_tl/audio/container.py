"""What a recording's container promises against what the file holds.

libsndfile opens a WAV, AIFF or Ogg file that was cut short and reports the shorter length without a word.
"""

from __future__ import annotations

import io
import os
import struct
from typing import BinaryIO

# Recorders that stream cannot go back to fill in the size: they leave 0, or about 2^31 or 2^32 (ffmpeg, sox, arecord).
_UNKNOWN_SIZE = 0x7FFF_F000
_MISCOUNT = 64  # bytes: some writers count their own header as audio
LARGEST_PAGE = 27 + 255 + 255 * 255  # bytes of an Ogg page (RFC 3533)


def missing_bytes(stream: BinaryIO) -> int:
    """How many bytes the container promises beyond the end of the file; 0 where all is there, or nobody can say.

    Looks at RIFF, AIFF and Ogg; leaves the stream at its start.
    """
    start = stream.read(12)
    size = stream.seek(0, io.SEEK_END)
    if start[:4] in (b"RIFF", b"RIFX") and start[8:] == b"WAVE":
        missing = _missing_from_chunk(stream, size, b"data", ">" if start[:4] == b"RIFX" else "<")
    elif start[:4] == b"FORM" and start[8:11] == b"AIF":
        missing = _missing_from_chunk(stream, size, b"SSND", ">")
    elif start[:4] == b"OggS":
        missing = _missing_from_page(stream, size)
    else:
        missing = 0
    stream.seek(0)
    return missing


def _missing_from_chunk(stream: BinaryIO, size: int, wanted: bytes, endian: str) -> int:
    position = 12
    while position + 8 <= size:
        stream.seek(position)
        name, length = struct.unpack(f"{endian}4sI", stream.read(8))
        position += 8
        if name == wanted:
            missing = position + length - size
            return missing if missing > _MISCOUNT and 0 < length < _UNKNOWN_SIZE else 0
        position += length + length % 2
    return 0


def _missing_from_page(stream: BinaryIO, size: int) -> int:
    stream.seek(-min(size, LARGEST_PAGE), os.SEEK_END)
    tail = stream.read()
    page = tail[tail.rfind(b"OggS") :] if b"OggS" in tail else b""
    if not page:
        return 0
    if len(page) < 27 or len(page) < 27 + page[26]:
        return 1
    return max(0, 27 + page[26] + sum(page[27 : 27 + page[26]]) - len(page))

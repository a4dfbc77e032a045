"""Length, rate and channels by the first and last kilobytes of a WAV, FLAC or Ogg Opus file.

That takes some microseconds where opening a decoder takes some hundreds. What is in any way unusual is left to
libsndfile (decode.py), which knows the many ways in which such files can be written, and broken.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from hf_speech_tl.audio.container import LARGEST_PAGE

RATES = range(1_000, 768_001)  # Hz: outside of it the header is damaged, and resampling would ask for gigabytes
_CHUNKS = 32  # of a RIFF file, before its audio
_BLOCKS = 64  # of FLAC metadata
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_BITS = {_PCM: (8, 16, 24, 32), _FLOAT: (32, 64)}
_SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")  # what follows the format's own two bytes in its GUID
_TAIL = 4_096  # bytes: mostly enough for the last page of speech as Opus
_OPUS_RATE = 48_000  # of its clock, whatever was recorded
_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)  # that libsndfile decodes to


@dataclass(frozen=True)
class Header:
    """What the header of a recording says: seconds, samples a second, channels."""

    seconds: float
    rate: int
    channels: int


def plain_header(read: Callable[[int, int], bytes], size: int) -> Header | None:
    """The header of a recording of `size` bytes; `read(start, count)` gives bytes of it, fewer at its end.

    None where it is of another kind, unusual, cut short or empty.
    """
    try:
        start = read(0, 64)
        if start[:4] == b"RIFF" and start[8:12] == b"WAVE":
            found = _wav(read, size)
        elif start[:4] == b"fLaC":
            found = _flac(start, read)
        elif start[:4] == b"OggS" and start[28:36] == b"OpusHead":
            found = _opus(start, read, size)
        else:
            return None
    except (struct.error, IndexError):  # it ends in the middle of a field
        return None
    if found is None:
        return None
    frames, rate, channels = found
    return Header(frames / rate, rate, channels) if frames > 0 and rate in RATES and channels > 0 else None


def _wav(read: Callable[[int, int], bytes], size: int) -> tuple[int, int, int] | None:
    """Frames, rate, channels by the chunks `fmt ` and `data`; None for any but plain samples that are all there."""
    at, form = 12, None
    for _ in range(_CHUNKS):
        name, length = struct.unpack("<4sI", read(at, 8))
        at += 8
        if name == b"fmt ":
            form = read(at, min(length, 40))
        elif name == b"data":
            break
        at += length + length % 2
    else:
        return None
    if form is None or at + length > size:
        return None
    kind, channels, rate, _, align, bits = struct.unpack_from("<HHIIHH", form)
    if kind == _EXTENSIBLE and form[26:40] == _SUBFORMAT:
        kind = struct.unpack_from("<H", form, 24)[0]
    if bits not in _BITS.get(kind, ()) or align != channels * bits // 8 or not align or length % align:
        return None
    return length // align, rate, channels


def _flac(start: bytes, read: Callable[[int, int], bytes]) -> tuple[int, int, int] | None:
    """By STREAMINFO (RFC 9639, 8.2), where a frame follows the metadata."""
    if start[4] & 0x7F or start[5:8] != b"\0\0\x22":
        return None
    at, last = 42, start[4] & 0x80
    for _ in range(_BLOCKS):
        block = read(at, 4)
        if last:
            break
        last = block[0] & 0x80
        at += 4 + int.from_bytes(block[1:4], "big")
    else:
        return None
    if block[:1] != b"\xff" or block[1] & 0xFE != 0xF8:
        return None
    fields = int.from_bytes(start[18:26], "big")  # rate: 20 bits, channels - 1: 3, bits - 1: 5, samples: 36
    return fields & 0xF_FFFF_FFFF, fields >> 44, (fields >> 41 & 7) + 1


def _opus(start: bytes, read: Callable[[int, int], bytes], size: int) -> tuple[int, int, int] | None:
    """By the clock of the last page (RFC 7845), where the first page of audio says that the clock began at 0."""
    version, channels, skip, rate, _, family = struct.unpack_from("<BBHIhB", start, 36)
    if version != 1 or family or start[5] != 2:
        return None
    serial = start[14:18]
    at = 28 + start[26] - 1 + sum(start[27 : 27 + start[26]])
    tags = True
    while True:
        page = read(at, 27 + 255)
        flags, clock, lacing = page[5], int.from_bytes(page[6:14], "little"), page[27 : 27 + page[26]]
        if page[:5] != b"OggS\0" or page[14:18] != serial or flags & 2:
            return None
        if not tags:
            break
        # The tags fill pages of their own, the last of which ends with the end of a packet.
        tags = lacing[-1] == 255
        at += 27 + len(lacing) + sum(lacing)
    content = read(at + 27 + len(lacing), sum(lacing))
    heard = _opus_samples(content, lacing)
    if heard is None or not (clock == heard or (flags & 4 and skip < clock <= heard)):
        return None
    tail = read(max(0, size - _TAIL), _TAIL)
    if b"OggS" not in tail:
        tail = read(max(0, size - LARGEST_PAGE), LARGEST_PAGE)
    page = tail[tail.rfind(b"OggS") :]
    if page[14:18] != serial or page[26] == 0 or len(page) != 27 + page[26] + sum(page[27 : 27 + page[26]]):
        return None
    clock = int.from_bytes(page[6:14], "little")
    if clock >= 1 << 48:  # -1: no packet ends on this page
        return None
    rate = next((near for near in _OPUS_RATES if rate <= near), _OPUS_RATES[-1])
    return (clock - skip) * rate // _OPUS_RATE, rate, channels


def _opus_samples(content: bytes, lacing: bytes) -> int | None:
    """Samples at 48 kHz of the packets of one page (RFC 6716, 3.1); None where one goes on over the page's end."""
    if lacing[-1] == 255:
        return None
    total = at = length = 0
    for part in lacing:
        length += part
        if part == 255:
            continue
        if not length:
            return None
        first = content[at]
        kind = first >> 3
        if kind < 12:
            frame = (480, 960, 1_920, 2_880)[kind & 3]
        elif kind < 16:
            frame = (480, 960)[kind & 1]
        else:
            frame = (120, 240, 480, 960)[kind & 3]
        total += frame * (1 if first & 3 == 0 else 2 if first & 3 < 3 else content[at + 1] & 0x3F)
        at += length
        length = 0
    return total

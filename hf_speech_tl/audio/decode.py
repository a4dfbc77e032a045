"""A recording to the samples a model hears: wav, flac, ogg, opus, mp3 and aiff by libsndfile, others by PyAV."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from hf_speech_tl.audio.container import missing_bytes
from hf_speech_tl.audio.fault import BadAudio
from hf_speech_tl.audio.header import RATES, Header
from hf_speech_tl.audio.media import decode_media, media_format, media_header
from hf_speech_tl.audio.resample import resample

_SILENCE = 1e-4  # of full scale, -80 dBFS: three steps of a 16-bit recording
# Samples. Of a FLAC whose encoder could not go back to fill in their number, libsndfile says 2^63 - 1.
_COUNTABLE = 1 << 48
_BLOCK = 1 << 20  # samples decoded at once, so that a header that lies about the length costs no memory
_EARLY = 0.1  # seconds that a recording may end before its header says so: padding of lossy formats


class _Stream(soundfile.SoundFile):
    def seekable(self) -> bool:
        # After each read soundfile seeks to where it already is, which in Ogg decodes a page again: a third of the
        # time for a short clip. It does so only where this is true; seek() itself works all the same.
        return False


def read_header(source: bytes | Path) -> Header:
    """Length, rate and channels of the recording in `source` (its bytes, or a path), without decoding it.

    Raises BadAudio: missing file, unreadable, not audio, truncated, empty.
    """
    with _opened(source) as (handle, media):
        if media:
            header = Header(*media_header(handle, media))
        else:
            with _stream(handle) as stream:
                frames = stream.frames if stream.frames <= _COUNTABLE else _count(stream)
                header = Header(frames / stream.samplerate, stream.samplerate, stream.channels)
    if header.rate not in RATES:
        raise BadAudio("not audio", f"at {header.rate} Hz")
    if header.seconds <= 0:
        raise BadAudio("empty", "no samples")
    return header


def decode(source: bytes | Path, *, offset: float = 0.0, length: float | None = None) -> np.ndarray:
    """Samples of the recording in `source`, float32 `(samples,)` at 16 kHz, channels averaged.

    `offset` and `length` in seconds cut a piece out of it without decoding what lies before; what the piece asks for
    beyond the end is left out. Raises BadAudio: as read_header, and not finite, silent (or constant).
    """
    with _opened(source) as (handle, media):
        if media:
            samples, rate, promised = decode_media(handle, media, offset, length)
        else:
            with _stream(handle) as stream:
                samples, rate, promised = _decode(stream, offset, length)
    if len(samples) < (promised - _EARLY) * rate:
        raise BadAudio("truncated", f"{len(samples) / rate:.2f} s of {promised:.2f} s are there")
    if not len(samples):
        raise BadAudio("empty", f"the recording ends before {offset:.2f} s")
    low, high = float(samples.min()), float(samples.max())
    if not math.isfinite(high - low):
        raise BadAudio("not finite", "NaN or infinite samples")
    if high - low < 2 * _SILENCE:
        raise BadAudio("silent", "constant" if abs(high) >= _SILENCE else "under -80 dBFS")
    if max(high, -low) > 2:
        # Floating-point files that hold integers; what clips at 1 afterwards would be noise.
        samples = samples / max(high, -low)
    return resample(samples, rate)


def _decode(stream: _Stream, offset: float, length: float | None) -> tuple[np.ndarray, int, float]:
    """Samples of a piece, their rate, and the seconds that the header promises of it."""
    rate = stream.samplerate
    start = round(offset * rate)
    wanted = stream.frames - start if length is None else min(round(length * rate), stream.frames - start)
    try:
        if start and wanted > 0:
            stream.seek(start)
        samples = np.concatenate([np.zeros(0, np.float32), *_blocks(stream, wanted)])
    except soundfile.LibsndfileError as error:
        raise BadAudio("truncated", error.error_string.strip()) from None
    promised = 0.0 if stream.frames > _COUNTABLE else max(0, wanted) / rate
    return samples, rate, promised


def _count(stream: _Stream) -> int:
    """Samples of a channel, by decoding them all."""
    try:
        return sum(map(len, _blocks(stream, stream.frames)))
    except soundfile.LibsndfileError as error:
        raise BadAudio("truncated", error.error_string.strip()) from None


@contextmanager
def _opened(source: bytes | Path) -> Iterator[tuple[BinaryIO, str | None]]:
    """The recording's bytes, and the name of its container where that is one for PyAV."""
    with io.BytesIO(source) if isinstance(source, bytes) else _file(source) as handle:
        start = handle.read(16)
        if not start:
            raise BadAudio("empty", "zero bytes")
        handle.seek(0)
        yield handle, media_format(start)


@contextmanager
def _stream(handle: BinaryIO) -> Iterator[_Stream]:
    missing = missing_bytes(handle)
    try:
        stream = _Stream(handle)
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: a file named .raw
        detail = getattr(error, "error_string", "no header").strip()
        raise BadAudio("truncated" if missing else "not audio", detail) from None
    with stream:
        if stream.format == "RAW" or stream.samplerate not in RATES:
            raise BadAudio("not audio", f"{stream.format} at {stream.samplerate} Hz")
        if missing:
            raise BadAudio("truncated", f"the header promises {missing} bytes more than the file holds")
        if stream.frames <= 0:
            raise BadAudio("empty", "no samples")
        yield stream


def _file(path: Path) -> BinaryIO:
    try:
        if not path.is_file():  # nor a pipe, which would wait for ever
            raise BadAudio("missing file", "a folder stands there" if path.is_dir() else "")
        return path.open("rb")
    except OSError as error:
        raise BadAudio("unreadable", error.strerror or str(error)) from None


def _blocks(stream: _Stream, wanted: int) -> Iterator[np.ndarray]:
    size = max(1, _BLOCK // stream.channels)
    while wanted > 0:
        block = stream.read(min(size, wanted), dtype="float32", always_2d=True)
        with np.errstate(over="ignore", invalid="ignore"):  # looked at afterwards
            yield block[:, 0] if stream.channels == 1 else block.mean(axis=1)
        if len(block) < min(size, wanted):
            return
        wanted -= len(block)

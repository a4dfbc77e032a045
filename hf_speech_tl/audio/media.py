"""m4a, webm and the sound of videos, through PyAV (extra `media`): its wheel carries FFmpeg's libraries."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from hf_speech_tl.audio.fault import BadAudio

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

# How a file begins, from which byte on, and FFmpeg's name for what it is. FFmpeg is told, and never left to guess: what
# it would take for a playlist could name any other file or address.
_MAGIC = (
    (4, b"ftyp", "mov"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (0, b"\xff\xf1", "aac"),
    (0, b"\xff\xf9", "aac"),
)
# Frames one after another, without times: there is nothing to seek by, and the length is FFmpeg's guess.
_UNTIMED = ("aac",)
_PREROLL = 0.2  # seconds: after a seek, the first frames of AAC and Opus still lean on those before them


def media_format(start: bytes) -> str | None:
    """FFmpeg's name for the container that begins with these bytes (16 are enough), or None."""
    return next((name for at, mark, name in _MAGIC if start[at:].startswith(mark)), None)


def media_header(file: BinaryIO, name: str) -> tuple[float, int, int]:
    """Seconds, samples a second and channels of the first sound track. Raises BadAudio."""
    with _opened(file, name) as (container, stream):
        seconds = _promised(container, stream)
        if seconds is None:  # browsers record webm without a length: look at every packet
            ends = [(packet.pts or 0) + (packet.duration or 0) for packet in container.demux(stream)]
            seconds = float(max(ends, default=0) * (stream.time_base or 0))
        return seconds, stream.rate, stream.channels


def decode_media(file: BinaryIO, name: str, offset: float, length: float | None) -> tuple[np.ndarray, int, float]:
    """Samples `(samples,)`, float32, channels averaged, of a piece in seconds; their rate; the seconds promised.

    What was promised is 0 where nobody can say. Raises BadAudio.
    """
    with _opened(file, name) as (container, stream):
        promised = _promised(container, stream) or 0.0
        found = None
        if offset > _PREROLL and name not in _UNTIMED:
            container.seek(int((offset - _PREROLL) * 1_000_000))
            found = _piece(container, stream, offset, length, known_start=False)
    if found is None:
        file.seek(0)
        with _opened(file, name) as (container, stream):
            found = _piece(container, stream, offset, length, known_start=True)
    samples, rate = found or (np.zeros(0, np.float32), 1)
    return samples, rate, max(0.0, min(promised - offset, math.inf if length is None else length))


def _piece(
    container: InputContainer, stream: AudioStream, offset: float, length: float | None, *, known_start: bool
) -> tuple[np.ndarray, int] | None:
    """The piece, from wherever the container stands; None where that is not known, or already beyond its start."""
    import av

    # What an encoder needed to begin lies before 0.
    origin = min(0.0, float((stream.start_time or 0) * (stream.time_base or 0)))
    planes = av.AudioResampler(format="fltp")
    pieces: list[np.ndarray] = []
    at = first = last = rate = 0
    for frame in container.decode(stream):
        for part in planes.resample(frame):
            if not rate:
                rate = part.sample_rate
                first = round(offset * rate)
                last = first + (1 << 60) if length is None else first + round(length * rate)
                at = 0 if frame.time is None else max(0, round((frame.time - origin) * rate))
                if not known_start and (frame.time is None or at > first):
                    return None
            samples = part.to_ndarray().mean(axis=0, dtype=np.float32)
            begin, end = max(first - at, 0), min(last - at, len(samples))
            if end > begin:
                pieces.append(samples[begin:end])
            at += len(samples)
        if rate and at >= last:
            break
    return (np.concatenate([np.zeros(0, np.float32), *pieces]), rate) if rate else None


def _promised(container: InputContainer, stream: AudioStream) -> float | None:
    """The length that the file says its sound has, in seconds."""
    if container.format.name in _UNTIMED:
        return None
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    # Of several tracks it is the longest one's, and the picture often outlasts the sound.
    return container.duration / 1e6 if container.duration and len(container.streams) == 1 else None


@contextmanager
def _opened(file: BinaryIO, name: str) -> Iterator[tuple[InputContainer, AudioStream]]:
    try:
        import av
    except ImportError:
        raise BadAudio("unreadable", f"{name} needs the extra `media`: pip install av") from None
    try:
        with av.open(file, "r", format=name, metadata_errors="replace") as container:
            streams = [stream for stream in container.streams.audio if stream.codec_context is not None]
            if not streams or not streams[0].rate or not streams[0].channels:
                raise BadAudio("not audio", f"{name} without a sound track that can be decoded")
            yield container, streams[0]
    except (av.FFmpegError, ValueError) as error:
        if isinstance(error, BadAudio):  # a ValueError too
            raise
        raise BadAudio("truncated", f"{name}: {getattr(error, 'strerror', None) or error}") from None

"""m4a, webm and the sound of videos, through PyAV (extra `media`): its wheel carries FFmpeg's libraries."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_speech_tl.audio.fault import BadAudio

if TYPE_CHECKING:
    from av.container import InputContainer

# How a file begins, from which byte on, and FFmpeg's name for what it is. FFmpeg is told, and never left to guess: what
# it would take for a playlist could name any other file or address.
_MAGIC = (
    (4, b"ftyp", "mov"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (0, b"#!AMR", "amr"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (0, b"\xff\xf1", "aac"),
    (0, b"\xff\xf9", "aac"),
)
_EARLY = 0.1  # seconds that a track may end before its file says so
_PREROLL = 0.2  # seconds: after a seek, the first frames of AAC and Opus still lean on those before them


def media_format(start: bytes) -> str | None:
    """FFmpeg's name for the container that begins with these bytes (16 are enough), or None."""
    return next((name for at, mark, name in _MAGIC if start[at:].startswith(mark)), None)


def media_seconds(source: bytes | Path, name: str) -> tuple[float, int, int]:
    """Seconds, samples a second and channels of the first sound track. Raises BadAudio."""
    with _opened(source, name) as container:
        stream = container.streams.audio[0]
        seconds = _promised(container)
        if seconds is None:  # browsers record webm without a length: look at every packet
            ends = [(packet.pts or 0) + (packet.duration or 0) for packet in container.demux(stream)]
            seconds = float(max(ends, default=0) * (stream.time_base or 0))
        return seconds, stream.rate, stream.channels


def decode_media(source: bytes | Path, name: str, offset: float, length: float | None) -> tuple[np.ndarray, int]:
    """Samples `(samples,)`, float32, channels averaged, of a piece in seconds; and their rate. Raises BadAudio."""
    import av

    with _opened(source, name) as container:
        stream = container.streams.audio[0]
        rate, seconds = stream.rate, _promised(container)
        # Some containers count from before the first sample, the time that the encoder took to begin.
        origin = float((stream.start_time or 0) * (stream.time_base or 0))
        first = round(offset * rate)
        last = math.inf if length is None else first + round(length * rate)
        if offset > _PREROLL:
            container.seek(int((offset - _PREROLL) * av.time_base))
        planes = av.AudioResampler(format="fltp")
        pieces: list[np.ndarray] = []
        at = None
        for frame in container.decode(stream):
            for part in planes.resample(frame):
                if at is None:
                    at = round(((frame.time or origin) - origin) * rate)
                samples = part.to_ndarray().mean(axis=0, dtype=np.float32)
                begin, end = max(first - at, 0), min(last - at, len(samples))
                if end > begin:
                    pieces.append(samples[begin : int(end)])
                at += len(samples)
            if at is not None and at >= last:
                break
    if seconds is not None and (at or 0) < min(last, (seconds - _EARLY) * rate):
        raise BadAudio("truncated", f"{(at or 0) / rate:.2f} s of {seconds:.2f} s are there")
    return np.concatenate([np.zeros(0, np.float32), *pieces]), rate


def _promised(container: InputContainer) -> float | None:
    """The length that the file says it has, in seconds."""
    stream = container.streams.audio[0]
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / 1e6


@contextmanager
def _opened(source: bytes | Path, name: str) -> Iterator[InputContainer]:
    try:
        import av
    except ImportError:
        raise BadAudio(
            "not audio", f"{name}: m4a, webm and video need PyAV, pip install 'hf_speech_tl[media]'"
        ) from None
    file: Any = io.BytesIO(source) if isinstance(source, bytes) else None
    try:
        with file or Path(str(source)).open("rb") as handle, av.open(handle, "r", format=name) as container:
            if not container.streams.audio:
                raise BadAudio("not audio", f"{name} without a sound track")
            yield container
    except av.FFmpegError as error:
        raise BadAudio("truncated", f"{name}: {error.strerror or type(error).__name__}") from None

"""Formats that only PyAV reads, made by PyAV."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

from hf_speech_tl.audio import BadAudio, decode, read_header

av = pytest.importorskip("av", reason="the extra `media` is not installed")

RATE = 48_000
_FORMATS = [
    ("ipod", "aac"),
    ("mp4", "aac"),
    ("webm", "libopus"),
    ("matroska", "aac"),
    ("adts", "aac"),
]


def _noise(seconds: float) -> np.ndarray:
    """Noise whose loudness rises and falls, so that a piece can be told from another."""
    time = np.arange(int(seconds * RATE)) / RATE
    noise = np.convolve(np.random.default_rng(0).normal(0, 1, len(time)), np.ones(8) / 8, "same")
    return (0.3 * noise * np.abs(np.sin(2 * np.pi * time * (0.3 + 0.1 * time)))).clip(-0.9, 0.9).astype("float32")


def _encoded(
    samples: np.ndarray, file_format: str, codec: str, *, video: bool = False, sound: bool = True, pictures: int = 1
) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=file_format) as container:
        if video:
            picture = container.add_stream("mpeg4", rate=25)
            picture.width = picture.height = 16
            picture.pix_fmt = "yuv420p"
        if sound:
            stream = container.add_stream(codec, rate=RATE, layout="mono")
        if video:
            frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
            for _ in range(pictures):
                container.mux(picture.encode(frame))
            container.mux(picture.encode())
        if sound:
            frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
            frame.sample_rate = RATE
            for packet in [*stream.encode(frame), *stream.encode()]:
                container.mux(packet)
    return file.getvalue()


def _likeness(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def _nearly_in_place(piece: np.ndarray, whole: np.ndarray, start: int) -> bool:
    """Whether `piece` is what lies in `whole` at `start`, but for what an encoder puts before the first sample."""
    return max(_likeness(piece, whole[start + lag : start + lag + len(piece)]) for lag in range(-800, 801)) > 0.95


@pytest.mark.parametrize(("file_format", "codec"), _FORMATS)
def test_formats_are_heard_in_place(file_format: str, codec: str) -> None:
    content = _encoded(_noise(3.0), file_format, codec)
    header = read_header(content)
    assert header.seconds == pytest.approx(3.0, abs=0.1) and (header.rate, header.channels) == (RATE, 1)
    heard = decode(content)
    assert len(heard) / 16_000 == pytest.approx(3.0, abs=0.1)
    loudness = [np.abs(x[: 45 * 1_000].reshape(-1, 1_000)).mean(1) for x in (heard, _noise(3.0)[::3])]
    assert _likeness(*loudness) > 0.9


@pytest.mark.parametrize(("file_format", "codec"), _FORMATS)
def test_a_piece_is_that_piece_of_the_whole(file_format: str, codec: str) -> None:
    content = _encoded(_noise(6.0), file_format, codec)
    piece = decode(content, offset=3.5, length=1.0)
    assert len(piece) == 16_000
    assert _nearly_in_place(piece, decode(content), 56_000)


def test_the_sound_of_a_video() -> None:
    for file_format in ("mp4", "matroska"):
        content = _encoded(_noise(1.0), file_format, "aac", video=True, pictures=75)  # three seconds
        assert len(decode(content)) == pytest.approx(16_000, abs=1_600)
        assert read_header(content).seconds == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_encoded(_noise(1.0), "mp4", "aac", video=True, sound=False), "not audio"),
        (_encoded(_noise(3.0), "mp4", "aac")[:4_000], "truncated"),
        (b"\0\0\0\x18ftypisom" + b"\0" * 4_000, "truncated"),
        (b"\0\0\0\x18ftyp#EXTM3U\nsecret.m4a\n", "truncated"),
        (_encoded(_noise(3.0), "webm", "libopus")[:9_000], "truncated"),
        (_encoded(np.zeros(RATE, "float32"), "mp4", "aac"), "silent"),
    ],
)
def test_reasons(content: bytes, reason: str) -> None:
    with pytest.raises(BadAudio) as caught:
        read_header(content)
        decode(content)
    assert caught.value.reason == reason


def test_a_playlist_is_not_followed(tmp_path) -> None:
    (tmp_path / "secret.m4a").write_bytes(_encoded(_noise(1.0), "ipod", "aac"))
    (tmp_path / "a.m4a").write_text("#EXTM3U\n#EXTINF:1,\nsecret.m4a\n#EXT-X-ENDLIST\n")
    (tmp_path / "b.m4a").write_text("ffconcat version 1.0\nfile secret.m4a\n")
    for name in ("a.m4a", "b.m4a"):
        with pytest.raises(BadAudio, match="not audio"):
            decode(tmp_path / name)


def test_without_pyav_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    content = _encoded(_noise(1.0), "ipod", "aac")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(BadAudio, match=r"extra `media`"):
        read_header(content)

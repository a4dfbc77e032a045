from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hf_speech_tl.audio import RATE, BadAudio, decode, read_header


def _tone(seconds: float = 1.0, rate: int = RATE, hertz: float = 440.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype("float32")


def _encoded(samples: np.ndarray, rate: int = RATE, file_format: str = "WAV", subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=file_format, subtype=subtype)
    return file.getvalue()


def _reason(content: bytes | Path) -> str:
    with pytest.raises(BadAudio) as caught:
        decode(content)
    return caught.value.reason


@pytest.mark.parametrize(
    ("file_format", "subtype", "off"),
    [
        ("WAV", "PCM_16", 1e-4),
        ("WAV", "PCM_24", 1e-6),
        ("WAV", "FLOAT", 0.0),
        ("FLAC", "PCM_16", 1e-4),
        ("OGG", "VORBIS", 0.05),
        ("OGG", "OPUS", 0.05),
        ("MP3", "MPEG_LAYER_III", 0.05),
    ],
)
def test_formats_give_the_same_samples(file_format: str, subtype: str, off: float) -> None:
    content = _encoded(_tone(), file_format=file_format, subtype=subtype)
    header = read_header(content)
    assert (header.seconds, header.rate, header.channels) == (1.0, RATE, 1)
    samples = decode(content)
    assert samples.dtype == np.float32
    assert samples.shape == (RATE,)
    middle = slice(2_000, -2_000)  # lossy formats smear the ends
    assert np.abs(samples - _tone())[middle].max() <= off


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
def test_other_rates_are_resampled(rate: int) -> None:
    samples = decode(_encoded(_tone(rate=rate), rate))
    assert len(samples) == RATE
    assert np.abs(samples - _tone())[1_000:-1_000].max() < 1e-3


def test_channels_are_averaged() -> None:
    channels = np.stack([_tone(), 0 * _tone(), _tone(), 0 * _tone(), _tone(), 0 * _tone()], axis=1)
    samples = decode(_encoded(channels))
    np.testing.assert_allclose(samples, _tone() / 2, atol=1e-4)


def test_long_recordings_come_in_blocks_without_a_seam() -> None:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (1_300_000, 2)).astype("float32")
    np.testing.assert_allclose(decode(_encoded(samples, subtype="FLOAT")), samples.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize(("file_format", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "OPUS")])
def test_a_piece_is_the_same_as_that_piece_of_the_whole(file_format: str, subtype: str) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 5 * RATE).astype("float32")
    content = _encoded(noise, file_format=file_format, subtype=subtype)
    piece = decode(content, offset=2.5, length=0.75)
    assert len(piece) == 12_000
    np.testing.assert_allclose(piece, decode(content)[40_000:52_000], atol=1e-4)


def test_flac_from_a_stream_does_not_say_how_long_it_is() -> None:
    content = bytearray(_encoded(_tone(2.0), file_format="FLAC"))
    content[21] &= 0xF0  # STREAMINFO, RFC 9639: 36 bits for the number of samples, 0 where it is unknown
    content[22:26] = bytes(4)
    assert read_header(bytes(content)).seconds == 2.0
    np.testing.assert_array_equal(decode(bytes(content)), decode(_encoded(_tone(2.0), file_format="FLAC")))
    assert len(decode(bytes(content), offset=1.5)) == RATE // 2
    assert _reason(bytes(content[: len(content) // 2])) == "truncated"


def test_a_piece_ends_where_the_recording_ends() -> None:
    content = _encoded(_tone(2.0))
    assert len(decode(content, offset=1.5, length=10.0)) == 8_000
    assert len(decode(content, offset=1.5)) == 8_000
    with pytest.raises(BadAudio, match="empty"):
        decode(content, offset=2.0, length=1.0)


def test_floating_point_files_in_integer_units_do_not_clip() -> None:
    np.testing.assert_allclose(decode(_encoded(_tone() * 32_768, subtype="FLOAT")), _tone() / 0.3, atol=1e-3)


def test_bytes_and_path_are_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "with space, ünïcode\n🎙.wav"
    path.write_bytes(_encoded(_tone()))
    np.testing.assert_array_equal(decode(path), decode(path.read_bytes()))
    assert read_header(path) == read_header(path.read_bytes())


@pytest.mark.parametrize("name", ["clip.mp3", "clip.txt", "clip", "clip.flac"])
def test_the_content_counts_not_the_extension(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(_encoded(_tone()))
    assert len(decode(path)) == RATE


@pytest.mark.parametrize("name", ["text.wav", "text.vox", "text.raw", "text.mp3", "text.gsm"])
def test_text_is_not_audio_whatever_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("Not a recording. " * 200)
    assert _reason(path) == "not audio"


def test_reasons() -> None:
    good = _encoded(_tone())
    assert _reason(b"") == "empty"
    assert _reason(_encoded(np.zeros(0, "float32"))) == "empty"
    assert _reason(b"\0" * 5_000) == "not audio"
    assert _reason(good[: len(good) // 2]) == "truncated"
    assert _reason(_encoded(np.where(np.arange(RATE) == 5, np.nan, _tone()), subtype="FLOAT")) == "not finite"
    assert _reason(_encoded(np.where(np.arange(RATE) == 5, np.inf, _tone()), subtype="FLOAT")) == "not finite"
    assert _reason(_encoded(np.zeros(RATE, "float32"))) == "silent"
    assert _reason(_encoded(np.full(RATE, 0.4, "float32"))) == "silent"
    assert _reason(_encoded(_tone() * 1e-4)) == "silent"
    assert len(decode(_encoded(_tone() * 1e-2))) == RATE


@pytest.mark.parametrize("file_format", ["FLAC", "MP3", "OGG", "AIFF"])
def test_other_formats_cut_short_are_truncated(file_format: str) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 5 * RATE).astype("float32")
    content = _encoded(noise, file_format=file_format, subtype=soundfile.default_subtype(file_format))
    assert len(decode(content)) == 5 * RATE
    assert _reason(content[: len(content) // 2]) == "truncated"


def test_a_header_that_lies_about_rate_or_length_costs_no_memory() -> None:
    wav = bytearray(_encoded(_tone()))
    wav[24:28] = (1).to_bytes(4, "little")  # samples a second
    assert _reason(bytes(wav)) == "not audio"
    flac = bytearray(_encoded(_tone(), file_format="FLAC"))
    flac[21:26] = bytes([flac[21] | 0x0F, 255, 255, 255, 255])  # 2^36 samples: 256 GB decoded
    assert _reason(bytes(flac)) == "truncated"


def test_what_is_no_file(tmp_path: Path) -> None:
    assert _reason(tmp_path) == "missing file"
    with pytest.raises(BadAudio, match="a folder stands there"):
        decode(tmp_path)
    assert _reason(tmp_path / "nowhere.wav") == "missing file"
    assert _reason(tmp_path / ("a" * 300)) == "unreadable"
    os.mkfifo(tmp_path / "pipe.wav")
    assert _reason(tmp_path / "pipe.wav") == "missing file"


def test_the_error_reads_well() -> None:
    error = BadAudio("truncated", "1.20 s of 5.00 s are there")
    assert str(error) == "truncated: 1.20 s of 5.00 s are there"
    assert (error.reason, error.detail) == ("truncated", "1.20 s of 5.00 s are there")
    assert str(BadAudio("silent")) == "silent"

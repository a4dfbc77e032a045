from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from hf_speech_tl.audio.container import missing_bytes


def _encoded(file_format: str, subtype: str, endian: str = "FILE") -> bytes:
    samples = np.random.default_rng(0).uniform(-0.3, 0.3, 32_000).astype("float32")
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format=file_format, subtype=subtype, endian=endian)
    return file.getvalue()


_FORMATS = [
    ("WAV", "PCM_16", "FILE"),
    ("WAV", "PCM_16", "BIG"),
    ("WAVEX", "PCM_24", "FILE"),
    ("AIFF", "PCM_16", "FILE"),
    ("OGG", "OPUS", "FILE"),
    ("OGG", "VORBIS", "FILE"),
]


@pytest.mark.parametrize("form", _FORMATS, ids="-".join)
def test_whole_files_miss_nothing(form: tuple[str, str, str]) -> None:
    stream = io.BytesIO(_encoded(*form))
    assert missing_bytes(stream) == 0
    assert stream.tell() == 0


@pytest.mark.parametrize("form", _FORMATS, ids="-".join)
@pytest.mark.parametrize("share", [0.3, 0.95])
def test_files_cut_short_are_noticed(form: tuple[str, str, str], share: float) -> None:
    content = _encoded(*form)
    assert missing_bytes(io.BytesIO(content[: int(share * len(content))])) > 0


def test_a_wav_says_how_much_is_missing() -> None:
    content = _encoded("WAV", "PCM_16")
    assert missing_bytes(io.BytesIO(content[:-1000])) == 1000


@pytest.mark.parametrize("size", [0, 0x7FFFF024, 0xFFFFFFFF])
def test_the_size_a_streaming_recorder_leaves_is_no_promise(size: int) -> None:
    content = bytearray(_encoded("WAV", "PCM_16"))
    place = content.index(b"data") + 4
    content[place : place + 4] = size.to_bytes(4, "little")
    assert missing_bytes(io.BytesIO(bytes(content))) == 0


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"OggS", b"FORM\0\0\0\0AIFF" + b"\xff" * 30])
def test_stumps_do_not_stop_it(content: bytes) -> None:
    assert missing_bytes(io.BytesIO(content)) >= 0

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from hf_speech_tl.audio import decode, encode, suffix_of


def _heard(content: bytes) -> np.ndarray:
    return np.rint(np.clip(decode(content), -1, 1) * 32767).astype(np.int16)


def test_flac_gives_back_what_is_heard_of_16_bit_recordings() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.arange(-32768, 32768).astype(np.int16), 16_000, format="WAV", subtype="PCM_16")
    heard = _heard(file.getvalue())
    np.testing.assert_array_equal(_heard(encode(heard, "flac")), heard)


def test_flac_gives_back_others_to_a_step() -> None:
    heard = np.arange(-32767, 32768).astype(np.int16)
    off = np.abs(_heard(encode(heard, "flac")).astype(int) - heard)
    assert (off.max(), np.count_nonzero(off)) == (1, 49)


def test_opus_is_as_long_and_smaller() -> None:
    tone = (3_000 * np.sin(np.arange(32_000) / 20)).astype(np.int16)
    content = encode(tone, "opus")
    assert len(decode(content)) == 32_000
    assert len(content) < len(encode(tone, "flac"))
    assert np.corrcoef(decode(content), tone)[0, 1] > 0.99


@pytest.mark.parametrize(
    ("kind", "suffix"), [("FLAC", ".flac"), ("OGG", ".ogg"), ("WAV", ".wav"), ("MP3", ".mp3"), ("AIFF", ".aiff")]
)
def test_the_suffix_of_a_file_by_its_bytes(kind: str, suffix: str) -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(16_000), 16_000, format=kind)
    assert suffix_of(file.getvalue()) == suffix
    assert suffix_of(b"\0\0\0\x20ftypM4A ") == ".m4a"
    assert suffix_of(b"plain text") == ""

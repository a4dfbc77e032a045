from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_speech_tl.audio import BadAudio, Header, plain_header, read_header

_FORMS = [
    *(("WAV", subtype) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")),
    ("WAVEX", "PCM_16"),
    ("WAVEX", "FLOAT"),
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
    ("OGG", "OPUS"),
]


def _encoded(form: tuple[str, str], seconds: float = 1.3, rate: int = 16_000, channels: int = 1) -> bytes:
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (int(seconds * rate), channels)).astype("float32")
    file = io.BytesIO()
    soundfile.write(file, noise, rate, format=form[0], subtype=form[1])
    return file.getvalue()


def _plain(content: bytes) -> Header | None:
    return plain_header(lambda start, count: content[start : start + count], len(content))


@pytest.mark.parametrize("form", _FORMS, ids="-".join)
@pytest.mark.parametrize(
    ("seconds", "rate", "channels"), [(1.3, 16_000, 1), (0.02, 8_000, 1), (7.01, 48_000, 2), (2.5, 24_000, 2)]
)
def test_it_says_what_libsndfile_says(form: tuple[str, str], seconds: float, rate: int, channels: int) -> None:
    content = _encoded(form, seconds, rate, channels)
    assert _plain(content) == read_header(content)


@pytest.mark.parametrize("form", [("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_16"), ("WAV", "ULAW")])
def test_other_kinds_are_left_to_libsndfile(form: tuple[str, str]) -> None:
    assert _plain(_encoded(form)) is None


def test_chunks_around_the_audio_are_stepped_over() -> None:
    content = _encoded(("WAV", "PCM_16"))
    at = content.index(b"data")
    around = content[:at] + b"LIST\x05\0\0\0odd..\0" + content[at:] + b"id3 \x04\0\0\0...."
    assert _plain(around) == read_header(around) == read_header(content)


def test_flac_with_a_picture_is_read_to_its_first_frame() -> None:
    content = _encoded(("FLAC", "PCM_16"))
    padded = content[:4] + b"\x00" + content[5:42] + b"\x06\x01\x00\x00" + bytes(65_536) + content[42:]
    assert _plain(padded) == read_header(content)


@pytest.mark.parametrize("form", _FORMS, ids="-".join)
@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.3, 0.95])
def test_what_is_cut_short_is_left_to_libsndfile(form: tuple[str, str], share: float) -> None:
    content = _encoded(form)
    found = _plain(content[: int(share * len(content))])
    # STREAMINFO promises the samples of a FLAC file, and nothing in its header tells where it should end.
    assert found == (_plain(content) if form[0] == "FLAC" and share >= 0.01 else None)


def test_an_opus_stream_that_was_joined_late_is_left_to_libsndfile() -> None:
    content = bytearray(_encoded(("OGG", "OPUS"), 3.0))
    for at in [at for at in range(len(content)) if content[at : at + 4] == b"OggS"][2:]:
        clock = int.from_bytes(content[at + 6 : at + 14], "little") + 480_000
        content[at + 6 : at + 14] = clock.to_bytes(8, "little")
    assert _plain(bytes(content)) is None


def test_an_opus_file_of_several_streams_is_left_to_libsndfile() -> None:
    other = bytearray(_encoded(("OGG", "OPUS"), 0.5))
    for at in [at for at in range(len(other)) if other[at : at + 4] == b"OggS"]:
        other[at + 14] ^= 1
    assert _plain(_encoded(("OGG", "OPUS"), 0.5) + bytes(other)) is None


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(_FORMS), st.integers(0, 120), st.binary(min_size=1, max_size=8))
def test_a_damaged_header_never_says_another_length(form: tuple[str, str], at: int, damage: bytes) -> None:
    content = bytearray(_GOOD[form])
    content[at : at + len(damage)] = damage
    header = _plain(bytes(content))
    if header is None:
        return
    try:
        careful = read_header(bytes(content))
    except BadAudio:
        return  # the decoder will say so in its turn
    assert header.rate == careful.rate
    if form[0] != "OGG":  # libsndfile leaves out a page with a wrong checksum
        assert header == careful


_GOOD = {form: _encoded(form, 0.3) for form in _FORMS}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([b"RIFF\0\0\0\0WAVE", b"fLaC", b"OggS\0\x02", b""]), st.binary(max_size=300))
def test_noise_does_not_stop_it(start: bytes, noise: bytes) -> None:
    _plain(start + noise)


def test_recordings_of_people(speech: Path) -> None:
    for corpus in sorted(speech.iterdir()):
        if corpus.is_dir():
            audio = next(pq.ParquetFile(corpus / "test.parquet").iter_batches(20, columns=["audio"]))
            for cell in audio.to_pylist():
                assert _plain(cell["audio"]["bytes"]) == read_header(cell["audio"]["bytes"])

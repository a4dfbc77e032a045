"""Recordings in, arrays out: headers, decoding to one channel at 16 kHz."""

from __future__ import annotations

from hf_speech_tl.audio.decode import decode, read_header
from hf_speech_tl.audio.fault import BadAudio
from hf_speech_tl.audio.header import Header, plain_header
from hf_speech_tl.audio.resample import RATE

__all__ = ["RATE", "BadAudio", "Header", "decode", "plain_header", "read_header"]

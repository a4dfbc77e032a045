"""Recordings in, arrays out: headers, decoding to one channel at 16 kHz, augmentation."""

from __future__ import annotations

from hf_speech_tl.audio.augment import add_noise, reverberate
from hf_speech_tl.audio.background import Background
from hf_speech_tl.audio.cepstra import cepstra, cepstra_middles, power_spectrum
from hf_speech_tl.audio.chain import backgrounds, draw, in_order
from hf_speech_tl.audio.decode import decode, read_header
from hf_speech_tl.audio.encode import Encoding, encode, suffix_of
from hf_speech_tl.audio.fault import BadAudio
from hf_speech_tl.audio.header import Header, plain_header
from hf_speech_tl.audio.pulses import from_pulses, to_pulses
from hf_speech_tl.audio.resample import RATE

__all__ = [
    "RATE",
    "Background",
    "BadAudio",
    "Encoding",
    "Header",
    "add_noise",
    "backgrounds",
    "cepstra",
    "cepstra_middles",
    "decode",
    "draw",
    "encode",
    "from_pulses",
    "in_order",
    "plain_header",
    "power_spectrum",
    "read_header",
    "reverberate",
    "suffix_of",
    "to_pulses",
]

"""Speech from espeak-ng through ctypes: a text, a voice, a pitch and a pace in, samples out.

The library and its data come from the wheel espeakng-loader (extra `espeak`); the system needs nothing.
"""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from hf_speech_tl.languages.espeak import RATE, choose, library, phonemes

__all__ = ["RATE", "languages", "pronounces", "speak"]

_UTF8 = 1
_PACE, _PITCH = 1, 3
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


def languages() -> frozenset[str]:
    """The languages that espeak-ng has a voice for, named as `speak` takes them: `it`, `cmn`, `pt-BR`."""
    library().espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
    found = set()
    for voice in library().espeak_ListVoices(None):
        if not voice:
            break
        # The identifier is the file that describes the voice, "roa/pt-BR": its name is what a voice is chosen by.
        found.add(voice.contents.identifier.decode().rpartition("/")[2])
    return frozenset(found)


def pronounces(text: str, language: str) -> bool:
    """Whether the voice reads `text` itself: for letters it does not know it says "Chinese letter" in English."""
    return "(" not in phonemes(text, language)  # brackets mark where the voice hands over to another language


def speak(text: str, language: str, variant: str, *, pitch: int = 50, words_per_minute: int = 160) -> np.ndarray:
    """Read `text` aloud: float32 (samples,) in [-1, 1] at `RATE` samples a second.

    `variant` is one of espeak-ng's voice variants (`m1`, `f4`), `pitch` 0 to 99. The synthesiser remembers phases
    from one text to the next: the same texts in the same order in a fresh process give the same samples. Raises
    ValueError where espeak-ng has no such voice.
    """
    synthesiser = _synthesiser()
    choose(f"{language}+{variant}")
    synthesiser.espeak_SetParameter(_PACE, words_per_minute, 0)
    synthesiser.espeak_SetParameter(_PITCH, pitch, 0)
    chunks: list[np.ndarray] = []

    @_CALLBACK
    def collect(samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int | None) -> int:
        if samples and count:  # the last call comes without samples
            chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    synthesiser.espeak_SetSynthCallback(collect)
    encoded = text.encode()
    synthesiser.espeak_Synth(encoded, ctypes.c_size_t(len(encoded) + 1), 0, 1, 0, _UTF8, None, None)
    return np.concatenate([np.zeros(0, np.int16), *chunks]).astype(np.float32) / 32768


@cache
def _synthesiser() -> ctypes.CDLL:
    # Breath and roughness of some voices are noise; without a seed they take the clock.
    library().espeak_ng_SetRandSeed(ctypes.c_long(1))
    return library()

"""espeak-ng through ctypes: its library, its voices, and what they make of a text in the phonetic alphabet.

The library and its data come from the wheel espeakng-loader (extra `espeak`, GPL); the system needs nothing.
"""

from __future__ import annotations

import ctypes
import threading
from functools import cache

RATE = 22_050  # samples a second of every voice
_SYNCHRONOUS, _DO_NOT_EXIT = 2, 0x8000
_UTF8, _IPA = 1, 2
# The library keeps one voice and one text for the whole process.
_ONE_AT_A_TIME = threading.Lock()
_chosen = ""


def phonemes(text: str, voice: str) -> str:
    """What `voice` says, as the library writes it: words with a space between them, stress before the vowel.

    Names of other languages in brackets mark where it hands over: `(en)tʃˈaɪniːz(ja)lˈetə`. Raises ValueError where
    espeak-ng has no such voice. May be called from several threads.
    """
    with _ONE_AT_A_TIME:
        if voice != _chosen:  # it would read the dictionary again: 8 ms a sentence in Russian
            choose(voice)
        left = ctypes.c_char_p(text.encode())
        clauses = []
        while left.value:
            clauses.append(library().espeak_TextToPhonemes(ctypes.byref(left), _UTF8, _IPA).decode())
    return " ".join(clauses)


def version() -> str:
    """The release of the library, such as 1.52.0."""
    return library().espeak_Info(None).decode()


def choose(voice: str) -> None:
    """Speak with `voice` from now on. Raises ValueError where espeak-ng has no such voice."""
    global _chosen
    if library().espeak_SetVoiceByName(voice.encode()) != 0:
        raise ValueError(f"espeak-ng has no voice {voice!r}")
    _chosen = voice


@cache
def library() -> ctypes.CDLL:
    """The library, started. Raises ImportError without espeakng-loader, RuntimeError where it does not start."""
    import espeakng_loader

    loaded = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = loaded.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), _DO_NOT_EXIT)
    if rate != RATE:
        raise RuntimeError(f"espeak-ng started with {rate} for {RATE} samples a second: reinstall espeakng-loader")
    loaded.espeak_Info.restype = ctypes.c_char_p
    loaded.espeak_TextToPhonemes.restype = ctypes.c_char_p
    return loaded

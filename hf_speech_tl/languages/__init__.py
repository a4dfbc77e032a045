"""What a language is to us, and its transcripts as a model is trained on them.

Nothing heavy is imported before a tag or a text asks for it.
"""

from __future__ import annotations

from hf_speech_tl.languages.characters import Unspeakable
from hf_speech_tl.languages.chinese import is_chinese
from hf_speech_tl.languages.ipa import find_reader
from hf_speech_tl.languages.normalise import NORMALISER_VERSION, check_units, transcript
from hf_speech_tl.languages.pinyin import is_mandarin
from hf_speech_tl.languages.sounds import Coverage, Inventory, cover, why_unread
from hf_speech_tl.languages.symbols import can_compare_sounds, romanisations, sound, sound_distance
from hf_speech_tl.languages.tags import MANY, UNCODED, Language, find_language, find_model_language

__all__ = [
    "MANY",
    "NORMALISER_VERSION",
    "UNCODED",
    "Coverage",
    "Inventory",
    "Language",
    "Unspeakable",
    "can_compare_sounds",
    "check_units",
    "cover",
    "find_language",
    "find_model_language",
    "find_reader",
    "is_chinese",
    "is_mandarin",
    "romanisations",
    "sound",
    "sound_distance",
    "transcript",
    "why_unread",
]

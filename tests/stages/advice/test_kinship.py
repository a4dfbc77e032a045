"""Languages compared by their transcripts alone."""

from __future__ import annotations

import pytest

from hf_speech_tl.languages import find_language
from hf_speech_tl.stages.advice import kinship
from hf_speech_tl.stages.advice.kinship import Texts, compare_languages

_ITALIAN = Texts(find_language("it"), ["la casa è bella", "il gatto mangia", "andiamo a casa"])
_SPANISH = Texts(find_language("es"), ["la casa es bella", "el gato come", "vamos a casa"])
_GERMAN = Texts(find_language("de"), ["das Haus ist schön", "die Katze frisst", "wir gehen nach Hause"])
_MANDARIN = Texts(find_language("zh"), ["你好", "我们回家"])


def test_sounds_where_all_can_be_read() -> None:
    pytest.importorskip("panphon")
    pytest.importorskip("espeakng_loader")
    found = compare_languages(_SPANISH, [_ITALIAN, _SPANISH])
    assert found.by == "sounds" and found.reason == ""
    assert found.distances[1] == 0 and found.lacking[1] == ()
    assert found.distances[0] and found.lacking[0]


def test_letters_where_one_cannot_and_why() -> None:
    found = compare_languages(_ITALIAN, [_SPANISH, _GERMAN, _MANDARIN])
    assert found.by == "letters" and "Chinese" in found.reason
    spanish, german, mandarin = found.distances
    assert spanish and german and mandarin and 0 < spanish < min(german, mandarin) and max(german, mandarin) < 1
    assert compare_languages(_MANDARIN, [_MANDARIN]).distances == [0]


def test_without_the_extras_letters_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinship, "why_unread", lambda language: "no panphon")
    found = compare_languages(_ITALIAN, [_SPANISH, Texts(find_language("de"), ["[noise]"])])
    assert (found.by, found.reason, found.distances[1]) == ("letters", "no panphon", None)


def test_of_many_transcripts_some_are_drawn_by_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinship, "_READ", 3)
    written = [None, *"abcdefgh"]
    drawn = [Texts.drawn(find_language("it"), written, seed).written for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2] and len(drawn[0]) == 3 and None not in drawn[0]

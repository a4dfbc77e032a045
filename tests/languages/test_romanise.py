"""Scripts other than Chinese in Latin letters."""

from __future__ import annotations

import pytest

from hf_speech_tl.languages import Unspeakable, find_language, transcript


@pytest.mark.parametrize(
    ("tag", "written", "latin"),
    [
        ("bn", "আমেরিকা", "aamerikaa"),
        ("ml", "ഞാന്\u200d", "nyaana"),
        ("ja", "コーヒー、きっと", "koohiikitto"),
        ("ru", "Щука, ёж!", "shchuka yozh"),
        ("pl", "zażółć gęślą jaźń", "zazolc gesla jazn"),
        ("de", "Straße Über", "strasse ueber"),
        ("fr", "C’est l’œuvre", "cest loeuvre"),
        ("en", "Don't stop", "dont stop"),
        ("mis", "t͡ʃaː˥˩ kəxui", "tsha kexui"),
    ],
)
def test_latin_letters(tag: str, written: str, latin: str) -> None:
    language = find_language(tag)
    assert transcript(written, language, "romanized") == latin
    assert transcript(latin, language, "romanized") == latin


@pytest.mark.parametrize("tag", ["ja", "yue", "ko"])
def test_ideographs_are_not_read_in_mandarin(tag: str) -> None:
    with pytest.raises(Unspeakable) as error:
        transcript("日本", find_language(tag), "romanized")
    assert error.value.reason == "no romanisation"


def test_a_word_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(Unspeakable) as error:
        transcript("ʔ", find_language("mis"), "romanized")
    assert error.value.reason == "no romanisation"

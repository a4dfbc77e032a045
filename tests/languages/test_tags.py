"""Tags become languages; wrong ones say which was probably meant."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.languages import find_language, find_model_language


@pytest.mark.parametrize(
    ("tag", "canonical", "script", "spaced", "metric"),
    [
        ("zh", "zh", "Hans", False, "cer"),
        ("zh-TW", "zh-TW", "Hant", False, "cer"),
        ("zh_cn", "zh-CN", "Hans", False, "cer"),
        ("cmn", "zh", "Hans", False, "cer"),
        ("yue", "yue", "Hant", False, "cer"),
        ("pt-BR", "pt-BR", "Latn", True, "wer"),
        ("swa", "sw", "Latn", True, "wer"),
        ("qu", "qu", "Latn", True, "wer"),
        ("ml", "ml", "Mlym", True, "wer"),
        ("ben", "bn", "Beng", True, "wer"),
        ("ja", "ja", "Jpan", False, "cer"),
        ("th", "th", "Thai", False, "cer"),
        ("ko", "ko", "Kore", True, "cer"),
        ("mis", "mis", "Latn", True, "cer"),
        ("sr-Latn", "sr-Latn", "Latn", True, "wer"),
    ],
)
def test_tag(tag: str, canonical: str, script: str, spaced: bool, metric: str) -> None:
    language = find_language(tag)
    assert (language.tag, language.script, language.spaced, language.metric) == (canonical, script, spaced, metric)


def test_name_is_english() -> None:
    assert find_language("swa").name == "Swahili"
    assert find_language("zh-TW").name == "Chinese (Taiwan)"


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("chinese", "zh"),
        ("spanihs", "es"),
        ("Portugese", "pt"),
        ("jp", "ja"),
        ("cz", "cs"),
        ("zhh", "zh"),
        ("zh-TWX", "zh"),
        ("ger man", "de"),
    ],
)
def test_wrong_tag_names_the_nearest(wrong: str, meant: str) -> None:
    with pytest.raises(SettingsError, match=rf"{wrong}.*nearest:.*\b{meant} \(") as error:
        find_language(wrong)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("wrong", ["", "   ", "und", "mul", "zzzzzzzzz", "en-oxenfree", "-"])
def test_no_language(wrong: str) -> None:
    with pytest.raises(SettingsError, match="BCP-47"):
        find_language(wrong)


def test_importing_the_room_imports_no_library() -> None:
    heavy = ("torch", "transformers", "langcodes", "pypinyin", "uroman", "num2words", "cn2an", "opencc")
    code = f"import sys, hf_speech_tl.languages; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_model_may_be_of_many_languages_and_a_text_may_not() -> None:
    many = find_model_language("MUL")
    assert (many.tag, many.spaced, many.metric) == ("mul", False, "cer")
    assert find_model_language("swa") == find_language("swa")
    with pytest.raises(SettingsError, match="'mul'"):
        find_language("mul")

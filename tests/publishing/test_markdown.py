"""Names and transcripts that try to break a card: they are shown, and do nothing."""

from __future__ import annotations

import re

import pytest
from huggingface_hub import ModelCard

from hf_speech_tl.publishing.card import card
from hf_speech_tl.publishing.markdown import fence, plain

_BREAKING = (
    "<script>alert(1)",
    "<img src=x onerror=alert(1)>",
    "words | of | a | table",
    "[click](javascript:alert)",
    "![picture](data:x)",
    "`code` ```",
    "**loud**",
    "two\n\n# Headings\n---\nlicense: mit\n---",
    "right \u202e to left \x1b[2J",
    "{{ 7 * 7 }}{% include 'x' %}",
)


@pytest.mark.parametrize("name", _BREAKING)
def test_a_name_is_shown_and_does_nothing(name: str, results: dict) -> None:
    results["data"]["sources"] = ["plain"]
    results["data"]["licenses"] = results["data"]["notes"] = ["plain"]
    expected = card(results).splitlines()
    results["data"]["sources"] = [name]
    results["data"]["licenses"] = results["data"]["notes"] = [name]
    results["command"] = "finetune --data 'a ```\n<b>'"
    text = card(results)
    body = text.split("\n---\n", 1)[1]
    assert not re.search(r"<\w|\x1b|\u202e", re.sub(r"`{4,}.*?`{4,}", "", body, flags=re.DOTALL))
    assert not re.search(r"(?<!\\)\]\((javascript|data):", body)
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        line for line in expected if line.startswith("#")
    ]
    cells = [line.replace("\\|", "").count("|") for line in body.splitlines() if line.startswith("|")]
    assert cells == [line.count("|") for line in expected if line.startswith("|")]
    data = ModelCard(text).data
    assert data.eval_results and data.eval_results[0].dataset_name == name
    assert data.license == "other"


def test_plain_names_stay_as_they_are() -> None:
    for name in ("zh-hsk_words", "pl-artikulate (2024)", "ro tuxpaint, 2 + 2", "наши записи", "CC-BY-4.0"):
        assert plain(name) == name


def test_a_fence_is_longer_than_any_inside() -> None:
    assert fence("finetune --lang it") == "```"
    assert fence("a ``` b `````") == "``````"

"""The symbols of a head are read as transformers reads them, or refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny import EXTRACTOR, save_tiny
from transformers import AutoTokenizer

from hf_speech_tl.languages import Unspeakable, find_language, transcript
from hf_speech_tl.models import Vocabulary, load_checkpoint, read_config


def _told(directory: Path, **changes: object) -> None:
    path = directory / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("ids", "changes", "written"),
    [
        ({"[PAD]": 0, "|": 1, "a": 2, "b": 3, "c": 4, "d": 5}, {}, "ab c"),
        ({"[PAD]": 0, "_": 1, "a": 2, "b": 3, "c": 4, "d": 5}, {"word_delimiter_token": "_"}, None),  # 5.23 writes ab_c
        ({"[PAD]": 0, " ": 1, "a": 2, "b": 3, "c": 4, "d": 5}, {"word_delimiter_token": " "}, "ab c"),
        ({"[PAD]": 0, "|": 1, "A": 2, "B": 3, "C": 4, "D": 5}, {"do_lower_case": True}, "ab c"),
        ({"[PAD]": 0, "|": 1, "A": 2, "B": 3, "C": 4, "D": 5}, {}, "AB C"),
    ],
)
def test_what_is_written_is_what_transformers_write(
    ids: dict[str, int], changes: dict[str, object], written: str | None, tmp_path: Path
) -> None:
    (save_tiny(tmp_path) / "vocab.json").write_text(json.dumps(ids))
    _told(tmp_path, **changes)
    vocabulary = load_checkpoint(str(tmp_path), read_config(str(tmp_path))).vocabulary
    frames = [0, 2, 2, 0, 3, 1, 1, 0, 4, 0]
    theirs = AutoTokenizer.from_pretrained(tmp_path).decode(frames)
    assert vocabulary is not None and vocabulary.decode(frames) == theirs
    assert written in (theirs, None)


_TAGS = ("en", "ar", "he", "hi", "ja", "ko", "th", "vi", "qu", "mis")


@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(text=st.text(min_size=1, max_size=30), tag=st.sampled_from(_TAGS))
def test_whatever_is_learnt_comes_back_through_the_tokenizer_that_is_saved(text: str, tag: str, tmp_path: Path) -> None:
    try:
        words = transcript(text, find_language(tag), "char")
    except Unspeakable:
        return
    vocabulary = Vocabulary.of([words])
    ids = vocabulary.encode(words)
    frames = [index for symbol in ids for index in (symbol, vocabulary.blank)]
    tokenizer = vocabulary.processor(EXTRACTOR, tmp_path).tokenizer
    assert vocabulary.decode(frames) == tokenizer.decode(frames) == words

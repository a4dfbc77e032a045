from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from hf_speech_tl.errors import DataError
from hf_speech_tl.scoring.edits import character_edits, rate, word_edits


def _distance(a: str, b: str) -> int:
    """The textbook's table, to check the library's result against."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def _cer(references: list[str], hypotheses: list[str]) -> float:
    return rate(character_edits(references, hypotheses, spaced=True))


def test_edits_are_levenshteins() -> None:
    random = np.random.default_rng(0)
    texts = ["".join(random.choice(list("abc "), size=random.integers(0, 12))) for _ in range(120)]
    references, hypotheses = texts[:60], texts[60:]
    expected = [[_distance(a, b), len(a)] for a, b in zip(references, hypotheses, strict=True)]
    assert character_edits(references, hypotheses, spaced=True).tolist() == expected


@pytest.mark.parametrize(("spaced", "expected"), [(True, [1, 7]), (False, [0, 6])])
def test_spaces_count_only_where_they_separate_words(spaced: bool, expected: list[int]) -> None:
    assert character_edits(["ni3 hao"], ["ni3hao"], spaced=spaced).tolist() == [expected]


def test_wide_spaces_go_where_none_count() -> None:
    assert character_edits(["你\u3000好"], ["你 好"], spaced=False).tolist() == [[0, 2]]


def test_the_two_ways_to_write_an_accent_are_the_same() -> None:
    composed = "perché è così"
    assert character_edits([composed], [unicodedata.normalize("NFD", composed)], spaced=True).tolist() == [[0, 13]]
    assert word_edits([unicodedata.normalize("NFD", composed)], [composed]).tolist() == [[0, 3]]


def test_characters_are_code_points() -> None:
    # Bengali ko: a consonant and a vowel sign, one cluster on the screen, two code points.
    assert character_edits(["কো"], ["ক"], spaced=True).tolist() == [[1, 2]]
    assert character_edits(["𠀀"], [""], spaced=False).tolist() == [[1, 1]]


def test_words_are_compared_whole() -> None:
    assert word_edits(["one two three"], ["one  too three four"]).tolist() == [[2, 3]]


def test_a_corpus_is_summed_before_dividing() -> None:
    # The mean of the utterances' rates would be 0.5.
    assert _cer(["a", "abcdefghi"], ["b", "abcdefghi"]) == pytest.approx(0.1)


def test_an_empty_reference_adds_its_insertions() -> None:
    assert _cer(["", "abcd"], ["xy", "abcd"]) == pytest.approx(0.5)


def test_more_than_everything_can_be_wrong() -> None:
    assert _cer(["a"], ["xyz"]) == pytest.approx(3.0)


@pytest.mark.parametrize("references", [[], ["", ""]])
def test_no_text_at_all_has_no_rate(references: list[str]) -> None:
    with pytest.raises(DataError, match=f"none of the {len(references)} references"):
        _cer(references, ["x"] * len(references))


def test_as_many_hypotheses_as_references() -> None:
    with pytest.raises(ValueError, match="2 references stand against 1 hypotheses"):
        character_edits(["a", "b"], ["a"], spaced=True)


def test_rate_is_plain_float() -> None:
    assert type(rate(np.array([[1, 4]]))) is float

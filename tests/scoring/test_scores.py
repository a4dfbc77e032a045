from __future__ import annotations

import json

import pytest

from hf_speech_tl.scoring import compare, score

_REFERENCES = ["one two three", "four five", "six"] * 20
_HYPOTHESES = ["one too three", "four five", "sex"] * 20


def test_scores_are_as_results_json_wants_them() -> None:
    scores = score(_REFERENCES, _HYPOTHESES, True, [None] * 60, split="test")
    assert set(scores) == {"cer", "wer", "utterances", "split", "interval"}
    assert scores["cer"]["value"] == pytest.approx(2 / 25)
    assert scores["wer"]["value"] == pytest.approx(2 / 6)
    for metric in ("cer", "wer"):
        assert set(scores[metric]) == {"value", "low", "high"}
        assert scores[metric]["low"] < scores[metric]["value"] < scores[metric]["high"]
    assert (scores["utterances"], scores["split"], scores["interval"]) == (60, "test", "utterances")
    assert json.loads(json.dumps(scores)) == scores


def test_without_spaced_words_there_is_no_word_error_rate() -> None:
    scores = score(["你 好", "中国"], ["你好", "中口"], False, [None, None], split="validation")
    assert scores["cer"]["value"] == pytest.approx(0.25)
    assert scores["wer"] is None


def test_ten_speakers_are_drawn_instead_of_utterances() -> None:
    speakers = [f"s{number % 10}" for number in range(60)]
    assert score(_REFERENCES, _HYPOTHESES, True, speakers, split="test")["interval"] == "speakers"
    assert compare(_REFERENCES, _HYPOTHESES, _HYPOTHESES, True, speakers)["interval"] == "speakers"


def test_scores_repeat_with_their_seed() -> None:
    first, again, other = (
        score(_REFERENCES, _HYPOTHESES, True, [None] * 60, split="test", seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_a_comparison_is_of_the_same_utterances() -> None:
    found = compare(_REFERENCES, _REFERENCES, _HYPOTHESES, True, [None] * 60)
    assert found["cer"]["gain"] == pytest.approx(2 / 25)
    assert found["wer"]["gain"] == pytest.approx(2 / 6)
    assert found["cer"]["low"] > 0
    assert found["cer"]["p_value"] < 0.01
    assert found["utterances"] == 60
    against = compare(_REFERENCES, _HYPOTHESES, _REFERENCES, True, [None] * 60)
    assert against["cer"]["gain"] == -found["cer"]["gain"]
    assert compare(["你好"], ["你好"], ["你"], False, [None])["wer"] is None


@pytest.mark.parametrize(("hypotheses", "speakers"), [(["a"], [None, None]), (["a", "b"], [None])])
def test_lists_that_do_not_match_are_refused(hypotheses: list[str], speakers: list[None]) -> None:
    with pytest.raises(ValueError, match=r"against 2 references|2 references stand against"):
        score(["a", "b"], hypotheses, True, speakers, split="test")

from __future__ import annotations

import json

import numpy as np
import pytest

from hf_speech_tl.scoring import compare, compare_seeds, score, utterance_edits


def _edits(references: list[str], hypotheses: list[str], spaced: bool = True) -> np.ndarray:
    pairs = zip(references, hypotheses, strict=True)
    return np.array([utterance_edits(said, heard, spaced=spaced) for said, heard in pairs])


_REFERENCES = ["one two three", "four five", "six"] * 20
_EDITS = _edits(_REFERENCES, ["one too three", "four five", "sex"] * 20)
_NONE = _edits(_REFERENCES, _REFERENCES)


def test_scores_are_as_results_json_wants_them() -> None:
    scores = score(_EDITS, True, [None] * 60, split="test")
    assert set(scores) == {"cer", "wer", "utterances", "split", "interval"}
    assert scores["cer"]["value"] == pytest.approx(2 / 25)
    assert scores["wer"]["value"] == pytest.approx(2 / 6)
    for metric in ("cer", "wer"):
        assert set(scores[metric]) == {"value", "low", "high"}
        assert scores[metric]["low"] < scores[metric]["value"] < scores[metric]["high"]
    assert (scores["utterances"], scores["split"], scores["interval"]) == (60, "test", "utterances")
    assert json.loads(json.dumps(scores)) == scores


def test_without_spaced_words_there_is_no_word_error_rate() -> None:
    scores = score(_edits(["你 好", "中国"], ["你好", "中口"], False), False, [None, None], split="validation")
    assert scores["cer"]["value"] == pytest.approx(0.25)
    assert scores["wer"] is None


def test_ten_speakers_are_drawn_instead_of_utterances() -> None:
    speakers = [f"s{number % 10}" for number in range(60)]
    assert score(_EDITS, True, speakers, split="test")["interval"] == "speakers"
    assert compare(_EDITS, _EDITS, True, speakers)["interval"] == "speakers"


def test_scores_repeat_with_their_seed() -> None:
    first, again, other = (score(_EDITS, True, [None] * 60, split="test", seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_comparison_is_of_the_same_utterances() -> None:
    found = compare(_NONE, _EDITS, True, [None] * 60)
    assert found["cer"]["gain"] == pytest.approx(2 / 25)
    assert found["wer"]["gain"] == pytest.approx(2 / 6)
    assert found["cer"]["low"] > 0
    assert found["cer"]["p_value"] < 0.01
    assert found["utterances"] == 60
    against = compare(_EDITS, _NONE, True, [None] * 60)
    assert against["cer"]["gain"] == -found["cer"]["gain"]
    assert compare(_edits(["你好"], ["你好"], False), _edits(["你好"], ["你"], False), False, [None])["wer"] is None


def test_several_languages_are_scored_one_by_one_too() -> None:
    chinese = _edits(["你好", "再见"] * 20, ["你好", "在见"] * 20, spaced=False)
    edits, tags = np.concatenate([_EDITS, chinese]), ["en"] * 60 + ["zh"] * 40
    speakers = [None] * 60 + [f"s{number % 10}" for number in range(40)]
    scores = score(edits, False, speakers, split="test", languages=tags)
    assert json.loads(json.dumps(scores)) == scores
    assert list(scores["languages"]) == ["en", "zh"]
    english = score(_EDITS, True, [None] * 60, split="test", languages=["en"] * 60)
    assert "languages" not in english and "mean_cer" not in english
    assert scores["languages"]["en"] == {key: value for key, value in english.items() if key != "split"}
    assert scores["wer"] is None and scores["languages"]["zh"]["wer"] is None
    assert (scores["languages"]["zh"]["interval"], scores["languages"]["zh"]["utterances"]) == ("speakers", 40)
    assert scores["cer"]["value"] == pytest.approx((2 * 20 + 20) / (25 * 20 + 4 * 20))
    mean = scores["mean_cer"]
    assert mean["value"] == pytest.approx((2 / 25 + 1 / 4) / 2)
    assert mean["low"] < mean["value"] < mean["high"]
    # Drawn independently: narrower than the mean of the two intervals.
    widths = [one["cer"]["high"] - one["cer"]["low"] for one in scores["languages"].values()]
    assert mean["high"] - mean["low"] < sum(widths) / 2


def test_lists_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="59 speakers stand against 60 utterances"):
        score(_EDITS, True, [None] * 59, split="test")
    with pytest.raises(ValueError, match="59 languages stand against 60 utterances"):
        score(_EDITS, True, [None] * 60, split="test", languages=["it"] * 59)
    with pytest.raises(ValueError, match="59 speakers stand against 60 utterances"):
        compare(_EDITS, _EDITS, True, [None] * 59)


def test_the_gain_over_seeds_is_that_of_one_where_all_are_alike_and_less_sure_where_they_differ() -> None:
    generator = np.random.default_rng(0)
    lengths = np.full((60, 2), 20)
    better = generator.binomial(20, 0.2, (60, 2))
    worse = np.minimum(20, better + generator.binomial(3, 0.6, (60, 2)))
    ours, theirs = (np.stack([a[:, 0], lengths[:, 0], a[:, 1], lengths[:, 1]], axis=1) for a in (better, worse))
    speakers = [None] * 60
    one = compare_seeds([ours], [theirs], True, speakers)
    assert one == compare(ours, theirs, True, speakers)
    same = compare_seeds([ours] * 3, [theirs] * 3, True, speakers)
    assert same["cer"] == pytest.approx(one["cer"]) and same["seeds"] == 3
    # A seed in which nothing was gained: the mean falls, and the interval says that others may gain nothing either.
    mixed = compare_seeds([ours, ours, theirs], [theirs, theirs, theirs], True, speakers)
    assert mixed["cer"]["gain"] == pytest.approx(2 / 3 * one["cer"]["gain"])
    assert mixed["cer"]["high"] - mixed["cer"]["low"] > 2 * (one["cer"]["high"] - one["cer"]["low"])
    assert mixed["cer"]["low"] <= 0 < one["cer"]["low"]
    with pytest.raises(ValueError, match="same references"):
        compare_seeds([ours, ours], [theirs, theirs + 1], True, speakers)

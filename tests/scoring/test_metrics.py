from __future__ import annotations

import socket

import evaluate
import pytest

from hf_speech_tl.scoring import CharacterErrorRate, WordErrorRate


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a metric reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def cache(tmp_path: object) -> str:
    return str(tmp_path)


def test_character_error_rate_of_a_corpus(cache: str) -> None:
    metric = CharacterErrorRate(cache_dir=cache)
    assert isinstance(metric, evaluate.Metric)
    result = metric.compute(predictions=["b", "abcdefghi"], references=["a", "abcdefghi"])
    assert result == {"cer": pytest.approx(0.1)}


def test_character_error_rate_without_spaces(cache: str) -> None:
    metric = CharacterErrorRate(cache_dir=cache)
    assert metric.compute(predictions=["你 好"], references=["你好"], spaced=False) == {"cer": 0.0}
    assert metric.compute(predictions=["你 好"], references=["你好"]) == {"cer": pytest.approx(0.5)}


def test_word_error_rate_collects_batches(cache: str) -> None:
    metric = WordErrorRate(cache_dir=cache)
    metric.add_batch(predictions=["one too"], references=["one two"])
    metric.add(prediction="three", reference="three")
    assert metric.compute() == {"wer": pytest.approx(1 / 3)}


def test_metrics_combine(cache: str) -> None:
    both = evaluate.combine([CharacterErrorRate(cache_dir=cache), WordErrorRate(cache_dir=cache)])
    result = both.compute(predictions=["one too"], references=["one two"])
    assert result == {"cer": pytest.approx(1 / 7), "wer": pytest.approx(1 / 2)}

"""The judge of recommendations: what is trained from what, what is told of the order, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tiny import tiny_rows

from hf_speech_tl.stages.advice.ranking import Evidence, Figure, Recommendation

Judge = Callable[..., "int | str | None"]
_REACHED = {"es-book-to-pl-few": 0.30, "ru-book-to-pl-few": 0.25, "es-book-to-bn-few": 0.40, "ru-book-to-bn-few": 0.45}


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The options of each run, none of which is really run, and the candidates of each recommendation. Spanish has the
    lower probe, Russian more hours, so that the probe and the hours disagree and the sounds decide."""
    given: list[list[str]] = []

    def complete(command: str, options: Sequence[str], output: Path) -> object:
        given.append([output.name, *options])
        cer = _REACHED.get(output.name, 0.5)
        return {"after": {"cer": {"value": cer, "low": cer - 0.02, "high": cer + 0.02}}}

    def recommend(target: str, candidates: Sequence[str], **options: object) -> Recommendation:
        given.append([target, *candidates, str(options["train_steps"])])
        figures = [(0.1, 1.0, 0.2), (0.3, 2.0, 0.4)]
        keys = ("sounds", "hours", "probe")
        evidence = [
            Evidence(name, {key: Figure(value) for key, value in zip(keys, values, strict=True)})
            for name, values in zip(("es=es-book", "ru=ru-book"), figures, strict=True)
        ]
        return Recommendation(target, tuple(evidence))

    monkeypatch.setattr("runs.complete", complete)
    monkeypatch.setattr("hf_speech_tl.stages.advice.recommendation.recommend", recommend)
    return given


@pytest.fixture
def judge(tmp_path: Path, trained: list[list[str]], run_script: Judge) -> Judge:
    """The script's exit code, on corpora of a few utterances, its runs going to `work`."""
    for corpus in ("es-book", "ru-book", "pl-few", "bn-few"):
        (tmp_path / "speech" / corpus).mkdir(parents=True)
        for split in ("train", "validation", "test"):
            rows = tiny_rows((0.7,) * 3, ("ab",) * 3).remove_columns(["transcript", "source", "lang"])
            rows.map(lambda _: {"seconds": 0.7}).to_parquet(str(tmp_path / "speech" / corpus / f"{split}.parquet"))
    words = (tmp_path / "speech", "--work", tmp_path / "work", "--sources", "es-book,ru-book")
    return lambda *arguments: run_script("judge_recommendation", *words, *arguments)


def test_every_source_is_learnt_once_and_every_target_from_each(
    judge: Judge, trained: list[list[str]], tmp_path: Path
) -> None:
    assert judge("--targets", "pl-few,bn-few", "--source-steps", "9", "--target-steps", "4", "--trial-steps", "2") == 0
    speech, work = tmp_path / "speech", tmp_path / "work"
    ends = ["--max-steps", "9", "--patience", "none", "--seed", "0"]
    start = ["--model", "starter", "--units", "romanized"]
    assert trained[:2] == [
        ["es-book", "--lang", "es", "--data", f"{speech}/es-book", *start, *ends],
        ["ru-book", "--lang", "ru", "--data", f"{speech}/ru-book", *start, *ends],
    ]
    assert trained[2] == [f"pl={work}/data/pl-few", f"es={speech}/es-book", f"ru={speech}/ru-book", "2"]
    ends[1] = "4"
    for model, words in zip(("es-book", "ru-book"), trained[3:5], strict=True):
        learnt = ["--lang", "pl", "--data", f"{work}/data/pl-few", "--model", f"{work}/{model}"]
        assert words == [f"{model}-to-pl-few", *learnt, *ends]
    assert len(trained) == 2 + 2 * 3


def test_what_following_the_order_costs_is_told(judge: Judge, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert judge("--targets", "pl-few,bn-few") == 0
    said = capsys.readouterr().out
    assert said == (tmp_path / "work" / "recommendation.md").read_text("utf-8")
    assert "| es-book | 1.33 | 30.0 (28.0 to 32.0) |" in said and "| overall | es-book | 5.0 |" in said
    assert "| hours | ru-book | none: hit |" in said and "| hours | ru-book | 5.0 |" in said
    assert "right for 1 of 2 targets; 2.5 points were lost on average" in said
    polish, bengali = json.loads((tmp_path / "work" / "recommendation.json").read_text("utf-8"))
    assert not polish["verdicts"][0]["hit"] and bengali["verdicts"][0]["hit"]
    assert polish["reached"]["ru=ru-book"]["value"] == 0.25 and polish["target"] == "pl-few"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--targets", "pl-few", "--sources", "es-book"), "two or more corpora"),
        (("--targets", "pl-few,pl-few"), "each once"),
        (("--targets", "pl-few", "--trial-steps", "0"), "a whole number of 1 and more"),
        (("--targets", "pl-many"), "has no train.parquet"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_trained(
    judge: Judge, trained: list[list[str]], capsys: pytest.CaptureFixture, arguments: tuple[str, ...], said: str
) -> None:
    assert judge(*arguments) == 2
    assert said in capsys.readouterr().err and not trained


def test_runs_of_another_question_are_not_taken(judge: Judge, capsys: pytest.CaptureFixture) -> None:
    assert judge("--targets", "pl-few") == 0
    assert judge("--targets", "pl-few", "--source-steps", "7") == 2
    assert "another source_steps (600)" in capsys.readouterr().err

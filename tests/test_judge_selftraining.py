"""The judge of self-training: which command it gives, what it tells of the results, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tiny import tiny_rows

from hf_speech_tl.settings import SelftrainSettings, TransferSettings, lay_route, parse

Judge = Callable[..., "int | str | None"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The options of each transfer, none of which is really run: self-training takes 60 % to 45, longer training to
    57."""
    given: list[list[str]] = []

    def complete(
        command: str, options: Sequence[str], output: Path, is_whole: Callable[..., bool]
    ) -> dict[str, object]:
        assert command == "transfer" and not is_whole({"stages": []})  # as after the whole route
        given.append(list(options))
        cer = {"gain": 0.15, "low": 0.1, "high": 0.2, "p_value": 0.001}
        stages = {
            "1-target": {"after": {"cer": {"value": 0.6}}, "training": {"seconds": 480.0}},
            "2-selftrain": {"selftraining": {"gain": {"cer": cer}, "best_round": 1}},
        }
        for stage, results in stages.items():
            (output / stage).mkdir(parents=True)
            (output / stage / "results.json").write_text(json.dumps(results), "utf-8")
        direct = {"cer": 0.57, "seconds": 1439.6, "gain": {"cer": {**cer, "gain": 0.12}}}
        ablation = {"whole": {"cer": 0.45, "seconds": 1440.4}, "direct": direct}
        return {"ablation": ablation, "environment": {}, "command": "hf-speech-tl transfer"}

    monkeypatch.setattr("runs.complete", complete)
    return given


@pytest.fixture
def judge(tmp_path: Path, asked: list[list[str]], run_script: Judge) -> Judge:
    """The script's exit code, of a corpus of 80 utterances to learn from, said to last 10 seconds each."""
    (tmp_path / "qu-radio").mkdir()
    for split, count in (("train", 80), ("validation", 4), ("test", 4)):
        rows = tiny_rows((0.7,) * count, ("ab",) * count).remove_columns(["transcript", "source", "lang"])
        rows.map(lambda _: {"seconds": 10.0}).to_parquet(str(tmp_path / "qu-radio" / f"{split}.parquet"))
    words = (tmp_path / "qu-radio", "--lang", "qu", "--work", tmp_path / "work")
    return lambda *arguments: run_script("judge_selftraining", *words, *arguments)


def test_ten_minutes_are_the_target_and_the_whole_corpus_is_what_is_written_down(
    judge: Judge, asked: list[list[str]], tmp_path: Path
) -> None:
    assert judge("--minutes", "4", "--selftrain", "length_ratio: 4, rounds: 1", "--from-scratch") == 0
    settings = parse(TransferSettings, [*asked[0], "--output", str(tmp_path / "run")])
    assert settings.ablate and settings.from_scratch
    target, selftrain = lay_route(settings)
    assert (target.settings.max_minutes, selftrain.settings.max_minutes) == (4, 4)
    assert isinstance(selftrain.settings, SelftrainSettings)
    assert (selftrain.settings.length_ratio, selftrain.settings.rounds) == (4, 1)
    assert [str(source) for source in selftrain.settings.unlabelled] == [str(tmp_path / "qu-radio")]
    assert sum(pq.read_table(tmp_path / "work/data/qu-radio/train.parquet")["seconds"].to_pylist()) == 600


def test_the_table_has_the_ten_minutes_alone_longer_and_with_what_the_model_wrote(
    judge: Judge, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge() == 0
    told = capsys.readouterr().out
    assert told == (tmp_path / "work" / "selftraining.md").read_text("utf-8")
    assert told.splitlines()[4:] == [
        "| ten minutes alone | 480 | 60.0 | 15.0 (10.0 to 20.0) | 0.001 |",
        "| the same, given as long | 1440 | 57.0 | 12.0 (10.0 to 20.0) | 0.001 |",
        "| self-trained | 1440 | 45.0 |  |  |",
        "",
        "Self-trained over ten minutes alone: 0.75; kept is round 1.",
    ]


def test_what_the_script_sets_is_refused(judge: Judge, capsys: pytest.CaptureFixture[str]) -> None:
    assert judge("--stages", "target") == 2
    assert "--stages: this script sets it; leave it out" in capsys.readouterr().err


def test_another_length_is_another_question(judge: Judge, capsys: pytest.CaptureFixture[str]) -> None:
    assert judge() == 0
    assert judge("--minutes", "3") == 2
    assert "holds runs with another minutes (8.0)" in capsys.readouterr().err

"""The judge of transfer: which commands it gives, what it tells of their results, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tiny import tiny_rows

from hf_speech_tl.settings import TransferSettings, lay_route, parse

Judge = Callable[..., "int | str | None"]


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """The corpora of two pairs, each with 40 utterances to learn from, said to last half a minute each."""
    for corpus in ("ru-asterisk", "it-asterisk", "ml-msc", "bn-artikulate"):
        (tmp_path / "speech" / corpus).mkdir(parents=True)
        for split, count in (("train", 40), ("validation", 4), ("test", 4)):
            rows = tiny_rows((0.7,) * count, ("ab",) * count).remove_columns(["transcript", "source", "lang"])
            rows = rows.map(lambda row: {"seconds": 30.0})
            rows.to_parquet(str(tmp_path / "speech" / corpus / f"{split}.parquet"))
    return tmp_path / "speech"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The options of each transfer, none of which is really run. That into Bengali does not pay."""
    given: list[list[str]] = []

    def complete(command: str, options: Sequence[str], output: Path) -> object:
        assert command == "transfer"
        given.append([*options, "--output", output.name])
        cer, p_value = (0.5, 0.2) if output.name == "ml-bn" else (0.3, 0.001)
        gain = {"gain": 0.6 - cer, "low": 0.01, "high": 0.4, "p_value": p_value}
        direct = {"cer": 0.6, "seconds": 600.4, "gain": {"cer": gain}}
        ablation = {"whole": {"cer": cer, "seconds": 599.9}, "direct": direct}
        return {"ablation": ablation, "environment": {}, "command": "hf-speech-tl transfer"}

    monkeypatch.setattr("runs.complete", complete)
    return given


@pytest.fixture
def judge(speech: Path, tmp_path: Path, asked: list[list[str]], run_script: Judge) -> Judge:
    """The script's exit code, its runs going to `work`."""

    return lambda *arguments: run_script("judge_transfer", speech, "--work", tmp_path / "work", *arguments)


def test_a_pair_is_a_transfer_with_ten_minutes_of_the_target_and_a_direct_route(
    judge: Judge, asked: list[list[str]], speech: Path, tmp_path: Path
) -> None:
    assert judge("--pairs", "ru-it,ml-bn", "--seeds", "2", "--mix", "0.2") == 0
    work = tmp_path / "work"
    fresh, started = asked
    assert fresh == [
        *("--source", f"ru={speech}/ru-asterisk", "--target", f"it={work}/data/it-asterisk"),
        *("--ablate", "--seeds", "2", "--model", "starter", "--from-scratch"),
        *("--max-minutes", "5", "--mix", "0.2", "--output", "ru-it"),
    ]
    assert f"bn={work}/data/bn-artikulate" in started
    assert "--from-scratch" not in started
    drawn = {path.stem: len(pq.read_table(path)) for path in (work / "data" / "it-asterisk").iterdir()}
    assert drawn == {"train": 20, "validation": 4, "test": 4}


def test_the_source_may_have_minutes_of_its_own(judge: Judge, asked: list[list[str]], tmp_path: Path) -> None:
    assert judge("--pairs", "ru-it", "--minutes", "4", "--source-minutes", "8") == 0
    own = tmp_path / "work" / "stages.yaml"
    assert asked[0][0] == str(own)
    route = lay_route(parse(TransferSettings, asked[0]))
    assert [(leg.name, leg.settings.max_minutes) for leg in route] == [("source", 8), ("target", 4)]


def test_the_table_counts_the_pairs_that_are_better_by_enough_and_surely(
    judge: Judge, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge("--pairs", "ru-it,ml-bn") == 0
    told = capsys.readouterr().out
    assert told == (tmp_path / "work" / "transfer.md").read_text("utf-8")
    assert (
        "| ru-asterisk to it-asterisk | random weights | 60.0 [600] | 30.0 [600] | 0.50 | 30.0 (1.0 to 40.0) | 0.001 |"
    ) in told.splitlines()
    assert told.splitlines()[-1] == "Ratio of 0.85 or less with p < 0.05: 1 of 2."  # 0.83, by chance
    rows = json.loads((tmp_path / "work" / "transfer.json").read_text("utf-8"))
    assert [(row["pair"], row["ratio"]) for row in rows] == [("ru-it", 0.5), ("ml-bn", 0.8333)]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--pairs", "ru-xx"), "'ru-xx' is no pair; allowed: ru-it, "),
        (("--pairs", "ru-it", "--output=x"), "--output: this script sets it"),
        (("--source-minutes", "9", "--stages", "source,target"), "--stages: --source-minutes sets it; leave it out"),
        (("--pairs", "west+de-nl"), "en-asterisk: has no train.parquet; leave out its pair with --pairs"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(
    judge: Judge, arguments: tuple[str, ...], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge(*arguments) == 2
    assert reason in capsys.readouterr().err


def test_runs_of_another_length_are_not_taken_for_these(judge: Judge, capsys: pytest.CaptureFixture[str]) -> None:
    assert judge("--pairs", "ru-it") == 0
    assert judge("--pairs", "ru-it", "--minutes", "3") == 2
    assert "holds runs with another minutes (5.0)" in capsys.readouterr().err

"""The judge of transfer: which commands it gives, what it tells of their results, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from runs import Failed, finished
from tiny import tiny_rows

from hf_speech_tl.settings import TransferSettings, lay_route, parse

Judge = Callable[..., "int | str | None"]


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """The corpora of some pairs, each with 80 utterances to learn from, said to last 10 or 30 seconds each."""
    for corpus in ("ru-asterisk", "it-asterisk", "bn-artikulate"):
        (tmp_path / "speech" / corpus).mkdir(parents=True)
        for split, count in (("train", 80), ("validation", 4), ("test", 4)):
            rows = tiny_rows((0.7,) * count, ("ab",) * count).remove_columns(["transcript", "source", "lang"])
            rows = rows.map(lambda _, at: {"seconds": 30.0 if at % 4 == 0 else 10.0}, with_indices=True)
            rows.to_parquet(str(tmp_path / "speech" / corpus / f"{split}.parquet"))
    for corpus in ("es-tuxpaint", "fr-tuxpaint", "ro-tuxpaint", "ru-tuxpaint", "ml-msc", "nl-fillets", "qu-killkan"):
        (tmp_path / "speech" / corpus).symlink_to("ru-asterisk")
    (tmp_path / "speech" / "pl-artikulate").symlink_to("it-asterisk")
    return tmp_path / "speech"


@pytest.fixture
def direct_seconds() -> list[float]:
    """Of which the last are those that direct routes train for."""
    return [600.4]


@pytest.fixture
def asked(direct_seconds: list[float], monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The options of each transfer, none of which is really run. That into Bengali does not pay; one whose directory
    is there already without results fails."""
    given: list[list[str]] = []

    def complete(command: str, options: Sequence[str], output: Path, is_whole: Callable[..., bool]) -> None:
        assert command == "transfer"
        if finished(output, is_whole):
            return
        given.append([*options, "--output", output.name])
        if (output / "failing").exists():
            raise Failed(output, 3)
        cer, p_value = (0.5, 0.2) if output.name == "unheard-bn" else (0.3, 0.001)
        gain = {"gain": 0.6 - cer, "low": 0.01, "high": 0.4, "p_value": p_value}
        direct = {"cer": 0.6, "seconds": direct_seconds[-1], "gain": {"cer": gain}}
        seeds = list(range(int(options[options.index("--seeds") + 1])))
        ablation = {"whole": {"cer": cer, "seconds": 599.9}, "direct": direct, "seeds": seeds}
        results = {"ablation": ablation, "environment": {}, "command": "hf-speech-tl transfer"}
        output.mkdir(exist_ok=True)
        (output / "results.json").write_text(json.dumps(results | {"data": {"hours": {"train": 0.1617}}}), "utf-8")

    monkeypatch.setattr("runs.complete", complete)
    return given


@pytest.fixture
def judge(speech: Path, tmp_path: Path, asked: list[list[str]], run_script: Judge) -> Judge:
    """The script's exit code, its runs going to `work`."""

    return lambda *arguments: run_script("judge_transfer", speech, "--work", tmp_path / "work", *arguments)


def test_a_pair_is_a_transfer_with_ten_minutes_of_the_target_and_a_direct_route(
    judge: Judge, asked: list[list[str]], speech: Path, tmp_path: Path
) -> None:
    assert judge("--pairs", "ru-it,unheard-bn", "--seeds", "2", "--mix", "0.2") == 0
    work = tmp_path / "work"
    fresh, started = asked
    assert fresh == [
        str(work / "stages.yaml"),
        *("--source", f"ru={speech}/ru-asterisk", "--target", f"it={work}/data/it-asterisk"),
        *("--ablate", "--seeds", "2", "--model", "starter", "--from-scratch"),
        *("--max-minutes", "5", "--mix", "0.2", "--output", "ru-it"),
    ]
    assert f"bn={work}/data/bn-artikulate" in started
    assert "--from-scratch" not in started
    drawn = {path.stem: pq.read_table(path)["seconds"].to_pylist() for path in (work / "data/it-asterisk").iterdir()}
    assert {split: len(seconds) for split, seconds in drawn.items()} == {"train": 60, "validation": 4, "test": 4}
    assert set(drawn["train"]) == {10.0}  # of 30 s a run takes none


def test_the_source_may_have_minutes_of_its_own(judge: Judge, asked: list[list[str]], tmp_path: Path) -> None:
    assert judge("--pairs", "ru-it", "--minutes", "4", "--source-minutes", "8") == 0
    own = tmp_path / "work" / "stages.yaml"
    assert asked[0][0] == str(own)
    route = lay_route(parse(TransferSettings, asked[0]))
    assert [(leg.name, leg.settings.max_minutes) for leg in route] == [("source", 8), ("target", 4)]


@pytest.mark.parametrize("options", [(), ("--source-minutes", "8"), ("--stages", "pretrain,source,target")])
def test_no_route_ends_early(judge: Judge, asked: list[list[str]], options: tuple[str, ...]) -> None:
    assert judge("--pairs", "ru-it", *options) == 0
    legs = [leg for leg in lay_route(parse(TransferSettings, asked[0])) if leg.name != "pretrain"]
    assert [(leg.name, leg.settings.patience) for leg in legs] == [("source", None), ("target", None)]


def test_a_length_in_steps_leaves_minutes_out(judge: Judge, asked: list[list[str]]) -> None:
    assert judge("--pairs", "ru-it", "--max-steps", "300") == 0
    route = lay_route(parse(TransferSettings, asked[0]))
    assert {(leg.settings.max_minutes, leg.settings.max_steps) for leg in route} == {(None, 300)}


def test_the_table_counts_the_pairs_that_are_better_by_enough_and_surely(
    judge: Judge, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge("--pairs", "ru-it,unheard-bn") == 0
    told = capsys.readouterr().out
    assert told == (tmp_path / "work" / "transfer.md").read_text("utf-8")
    assert (
        "| ru-asterisk to it-asterisk | random weights | 9.7 | 60.0 [600] | 30.0 [600] | 0.50 "
        "| 30.0 (1.0 to 40.0) | 0.001 |"
    ) in told.splitlines()
    assert told.splitlines()[-1] == "Ratio of 0.85 or less with p < 0.05: 1 of 2."  # 0.83, by chance
    rows = json.loads((tmp_path / "work" / "transfer.json").read_text("utf-8"))
    assert [(row["pair"], row["ratio"]) for row in rows] == [("ru-it", 0.5), ("unheard-bn", 0.8333)]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--pairs", "ru-xx"), "'ru-xx' is no pair; allowed: ru-it, "),
        (("--pairs", "ru-it", "--output=x"), "--output: this script sets it"),
        (("--source-minutes", "9", "--stages", "source,target"), "--stages: --source-minutes sets it; leave it out"),
        (("--minutes", "9", "--max-steps", "9"), "no minutes are looked at"),
        (("--source-minutes", "9", "--max-steps=9"), "no minutes are looked at; drop them"),
        (("--pairs", "zh-zh"), "zh-syllables: has no train.parquet; leave out its pair with --pairs"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(
    judge: Judge, arguments: tuple[str, ...], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge(*arguments) == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize("seconds", [570.0, 631.0])
def test_a_pair_whose_routes_trained_for_other_times_is_marked_and_not_counted(
    judge: Judge, direct_seconds: list[float], seconds: float, capsys: pytest.CaptureFixture[str]
) -> None:
    direct_seconds.append(seconds)
    assert judge("--pairs", "ru-it") == 0
    *_, row, _, won, apart = capsys.readouterr().out.splitlines()
    assert f"60.0 [{seconds:.0f}] | 30.0 [600] | 0.50* |" in row and won.endswith("0 of 1.")
    assert apart.startswith("*: 1, whose routes trained for seconds more than 5 % apart")


def test_all_pairs_that_are_complete_are_told_not_only_those_of_this_call(
    judge: Judge, asked: list[list[str]], tmp_path: Path
) -> None:
    assert judge("--pairs", "unheard-bn", "--seeds", "2") == 0
    path = tmp_path / "work" / "zh-zh" / "results.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"ablation": {"seeds": [0]}}))  # as transfer leaves it between two seeds
    assert judge("--pairs", "ru-it", "--seeds", "2") == 0
    rows = json.loads((tmp_path / "work" / "transfer.json").read_text("utf-8"))
    assert [row["pair"] for row in rows] == ["ru-it", "unheard-bn"] and len(asked) == 2


def test_a_pair_that_fails_is_named_in_the_end_and_the_others_are_done(
    judge: Judge, asked: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = tmp_path / "work" / "ru-it" / "failing"
    failing.parent.mkdir(parents=True)
    (failing.parent / "run.yaml").touch()
    failing.touch()
    assert judge("--pairs", "ru-it,unheard-bn") == 1
    told = capsys.readouterr()
    assert told.err.splitlines()[-1] == "judge_transfer: failed: ru-it; the same command tries again"
    assert told.out.splitlines()[-1] == "Failed in the last call: ru-it." and "of 1." in told.out
    failing.unlink()
    assert judge("--pairs", "ru-it,unheard-bn") == 0 and len(asked) == 3


@pytest.mark.parametrize(
    ("other", "said"),
    [(("--minutes", "3"), "minutes (5.0)"), (("--source-minutes", "9"), "source_minutes (5.0)")],
)
def test_runs_of_another_length_are_not_taken_for_these(
    judge: Judge, other: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge("--pairs", "ru-it") == 0
    assert judge("--pairs", "ru-it", *other) == 2
    assert f"holds runs with another {said}" in capsys.readouterr().err


def test_runs_of_a_pair_with_other_sources_are_not_taken_for_these(
    judge: Judge, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge("--pairs", "ru-it") == 0
    path = tmp_path / "work" / "question.json"
    path.write_text(path.read_text("utf-8").replace("('ru-asterisk',)", "('es-asterisk',)"), "utf-8")
    assert judge("--pairs", "ru-it") == 2
    assert "holds runs with another pair ru-it (" in capsys.readouterr().err


def test_pairs_with_the_same_sources_learn_them_once(judge: Judge, asked: list[list[str]], tmp_path: Path) -> None:
    assert judge("--pairs", "unheard-bn") == 0
    work = tmp_path / "work"
    (work / "unheard-bn" / "1-source").mkdir()
    (work / "unheard-bn" / "1-source" / "results.json").write_text("{}")
    (work / "unheard-bn" / "run.yaml").write_text("# hf_speech_tl\n")
    ledger = {name: {"data": name} for name in ("1-source", "2-target", "direct/1-target")}
    (work / "unheard-bn" / "ledger.json").write_text(json.dumps(ledger))
    assert judge("--pairs", "ru-it,unheard-pl") == 0 and len(asked) == 3
    shared = work / "unheard-pl"
    assert json.loads((shared / "ledger.json").read_text()) == {"1-source": {"data": "1-source"}}
    assert (shared / "1-source" / "results.json").is_file() and (shared / "run.yaml").is_file()
    assert not (work / "ru-it" / "1-source").exists()

"""The comparison of a fresh head with a transferred one: what is trained, what is told, what is not done twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tiny import save_tiny, tiny_rows

from hf_speech_tl.settings import FinetuneSettings, parse
from hf_speech_tl.stages import finetune

Compare = Callable[..., "int | str | None"]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int | None]]:
    """The head and the steps of each run that was trained; in this process, which spares seconds of imports."""
    done: list[tuple[str, int | None]] = []

    def complete(command: str, options: Sequence[str], output: Path) -> object:
        path = output / "results.json"
        if not path.is_file():
            settings = parse(FinetuneSettings, [*options, "--output", str(output), "--quiet"])
            done.append((settings.head, settings.max_steps))
            finetune.run(settings)
        return json.loads(path.read_text("utf-8"))

    monkeypatch.setattr("runs.complete", complete)
    return done


@pytest.fixture
def compare(tmp_path: Path, run_script: Compare) -> Compare:
    """The script's exit code, of a tiny model and a corpus of noise that it knows most symbols of."""
    save_tiny(tmp_path / "model")
    (tmp_path / "data").mkdir()
    for seed, split in enumerate(("train", "validation", "test")):
        rows = tiny_rows((0.8,) * 6, ("ab", "à d", "bad", "c", "dà", "a c"), seed)
        rows = rows.remove_columns(["transcript", "source", "lang"])
        rows.map(lambda row, split=split: {"id": f"{split}-{row['id']}"}).to_parquet(
            str(tmp_path / "data" / f"{split}.parquet")
        )

    words = (tmp_path / "model", "--lang", "it", "--data", tmp_path / "data", "--work", tmp_path / "work")
    quick = ("--batch-seconds", "3", "--precision", "float32")
    return lambda *arguments: run_script("compare_heads", *words, *quick, *arguments)


@pytest.mark.slow
def test_both_heads_are_trained_once_and_compared_on_the_same_utterances(
    compare: Compare, trained: list[tuple[str, int]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare("--steps", "1") == 0
    assert trained == [("transfer", 1), ("fresh", 1)]
    rows = json.loads((tmp_path / "work" / "heads.json").read_text("utf-8"))
    assert [row["steps"] for row in rows] == [1]
    for row in rows:
        assert row["head"] == {"blank": 1, "same": 5, "romanisation": 1}
        gain = row["fresh"]["cer"]["value"] - row["transfer"]["cer"]["value"]
        assert row["gain"]["cer"]["gain"] == pytest.approx(gain) and row["gain"]["utterances"] == 6
        assert "--head fresh" in row["commands"]["fresh"] and "--head" not in row["commands"]["transfer"]
    table = capsys.readouterr().out
    assert table == (tmp_path / "work" / "heads.md").read_text("utf-8")
    assert "| 1 | " in table and "1 blank, 5 same, 1 romanisation" in table

    trained.clear()
    assert compare("--steps", "1") == 0 and not trained
    assert compare("--steps", "2") == 0
    rows = json.loads((tmp_path / "work" / "heads.json").read_text("utf-8"))
    assert [row["steps"] for row in rows] == [1, 2]
    assert compare("--steps", "1", "--units", "romanized") == 2
    assert "holds runs with another options" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--steps", "0"], "'0' cannot be"),
        (["--head=fresh"], "--head: this script sets it"),
        (["--patience", "5"], "--patience: this script sets it"),
        (["--seeds", "2"], "--seeds: one seed is compared at a time"),
    ],
)
def test_what_cannot_be_compared_is_said_at_once(
    arguments: list[str], said: str, compare: Compare, trained: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(*arguments) == 2 and said in capsys.readouterr().err and not trained

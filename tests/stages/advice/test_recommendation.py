"""Candidates measured on recordings of the target, and the command that ranks them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny import save_tiny

from hf_speech_tl.errors import DiskError, SettingsError
from hf_speech_tl.languages import find_language
from hf_speech_tl.models import Writing
from hf_speech_tl.settings import FinetuneSettings
from hf_speech_tl.stages.advice import recommendation, trial
from hf_speech_tl.stages.advice.candidate import read_candidates
from hf_speech_tl.stages.advice.recommendation import recommend
from hf_speech_tl.training import pace
from hf_speech_tl.transfer import main

Script = Callable[..., "int | str | None"]


@pytest.fixture(autouse=True)
def _few_clips_and_steps_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hf_speech_tl.stages.probing.LEAST_PROBED", 4)
    monkeypatch.setattr("hf_speech_tl.training.probe._STEPS", 5)


@pytest.fixture
def headless(tmp_path: Path) -> Path:
    """A model of another width without symbols."""
    directory = save_tiny(tmp_path / "headless", hidden_size=24, conv_dim=(8, 8, 24))
    (directory / "vocab.json").unlink()
    return directory


def test_models_are_probed_and_heard_and_the_test_split_is_not(
    corpus: Path, tiny_checkpoint: Path, headless: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[str] = set()

    def measure(name, writes, learnt, judged):
        seen.update(learnt["id"][:], judged["id"][:])
        return trial.try_checkpoint(name, writes, learnt, judged)

    monkeypatch.setattr(recommendation, "try_checkpoint", measure)
    monkeypatch.setattr(pace, "is_bfloat16_emulated", lambda: True)
    found = recommend(f"it={corpus}", [str(tiny_checkpoint), str(headless)], quiet=True)
    ours, other = found.evidence
    assert set(ours.figures) == {"probe", "zero_shot"} and set(other.figures) == {"probe"}
    assert [one.key for one in found.counted] == ["probe"]
    assert {name.split("-")[0] for name in seen} == {"train", "validation"}
    for figure in ours.figures.values():
        assert figure.low is not None and figure.high is not None and figure.low <= figure.value <= figure.high
    assert any("writes nothing" in note for note in other.notes)
    # What a clock says of the machine must not change a figure.
    monkeypatch.setattr(pace, "is_bfloat16_emulated", lambda: False)
    assert recommend(f"it={corpus}", [str(tiny_checkpoint), str(headless)], quiet=True) == found


def test_what_a_model_writes_is_compared_in_latin_letters(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def latin(text: str, tag: str | None = None, writing: Writing | None = None) -> str:
        monkeypatch.setattr(trial, "read_writing", lambda name: writing)
        return trial._latin([text], "model", find_language(tag) if tag else None)[0]

    assert latin("NEL Città", "it") == "nelcitta"
    assert latin("дом") == "dom"  # by its script, where nobody says more
    assert latin("你好", "zh") == latin("ni3 hao3", writing=Writing("zh", "romanized")) == "nihao"
    assert latin("你好", writing=Writing("zh")) == "nihao"
    assert latin("你好") == ""
    assert latin("ab c", writing=Writing("mul", "char")) == "abc"


def test_recordings_of_the_same_folder_name_are_tried_in_directories_of_their_own(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train").symlink_to(corpus)
        words.append(f"es={tmp_path / name / 'train'}")
    monkeypatch.setattr(trial.finetune, "run", lambda settings: None)
    tried = {trial.train_briefly(one, "starter", 3, tmp_path, 0) for one in read_candidates(words)}
    assert len(tried) == 2 and {path.parent for path in tried} == {tmp_path}


@pytest.mark.slow
def test_recordings_teach_a_model_first_once(
    corpus: Path, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [f"de={corpus}", f"es={corpus}"]
    asked = dict(model=str(tiny_checkpoint), train_steps=1, output=tmp_path, quiet=True)
    known = recommend(f"it={corpus}", words, quiet=True)
    assert all("hours" in one.figures and "probe" not in one.figures for one in known.evidence)
    found = recommend(f"it={corpus}", words, **asked)
    assert {"hours", "probe", "zero_shot"} < {one.key for one in found.counted}
    trained = sorted(tmp_path.glob("*/results.json"))
    assert [path.parent.name.split("-")[0] for path in trained] == ["de", "es"]
    assert json.loads(trained[0].read_text())["language"]["units"] == "romanized"
    monkeypatch.setattr(trial.finetune, "run", lambda settings: pytest.fail("it is there already"))
    assert recommend(f"it={corpus}", words, **asked) == found
    other = tmp_path / "elsewhere" / tiny_checkpoint.name
    other.parent.mkdir()
    other.symlink_to(tiny_checkpoint)
    with pytest.raises(SettingsError, match="name another directory"):
        recommend(f"it={corpus}", words, **(asked | {"model": str(other)}))


def test_the_command_prints_an_order_and_checks_it(
    corpus: Path, tmp_path: Path, run_script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"de={corpus.name}", f"es={corpus.name}"]
    reached = tmp_path / "reached.json"
    reached.write_text(json.dumps(dict(zip(names, (0.5, 0.4), strict=True))))
    arguments = ["--target", f"it={corpus}", f"de={corpus}", f"es={corpus}", "--reached", reached]
    assert run_script("recommend_source", *arguments) == 0
    said = capsys.readouterr().out
    assert f"by hours: {names[0]} = {names[1]}" in said and "No single criterion wins" in said and "hit" in said
    assert run_script("recommend_source", *arguments, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["order"]) == set(names) and told["verdicts"][0]["best"] == names[1]
    assert str(corpus.parent) not in json.dumps(told)


@pytest.mark.parametrize("error", [KeyboardInterrupt("trial"), DiskError("there is no room", "trial")])
def test_a_trial_that_is_stopped_names_no_directory_to_go_on_with(
    error: BaseException, corpus: Path, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: FinetuneSettings) -> None:
        raise error

    monkeypatch.setattr(trial.finetune, "run", stop)
    candidates = (f"de={corpus}", f"es={corpus}/train.parquet")
    how = {"model": str(tiny_checkpoint), "train_steps": 3, "output": tmp_path / "trials", "quiet": True}
    with pytest.raises(type(error)) as ended:
        recommend(f"it={corpus}", candidates, **how)
    assert not getattr(ended.value, "directory", "".join(ended.value.args))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--target", "it={}", "de={}"], "two or more"),
        (["--target", "it={}", "de={}", "es=none/"], "none/: no such file"),
        (["--target", "starter", "de={}", "es={}"], "LANG=SOURCE"),
        (["--target", "it={}", "de={}", "es={}", "--train-steps", "3"], "give both"),
        (["--target", "it={}", "de={}", "es={}", "--minutes", "0"], "above 0"),
        (["--target", "it={}", "de={}", "es={}", "--reached", "none.json"], "cannot be read"),
        (["--target", "it={}", "de={}", "none/model"], "candidate none/model: "),
        (["--target", "it={}", "de={}", "es={}", "--train-steps", "9999999999", "--output", "o"], "below 1000000000"),
        (["--target", "it={}", "de={}", "es={}", "--seed", "4294967296"], "below 4294967296"),
        (
            ["--target", "it={}", "de={}", "es={}", "--train-steps", "3", "--output", "o", "--model", "none/model"],
            "--model none/model: not to be had",
        ),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    arguments: list[str],
    said: str,
    corpus: Path,
    run_script: Script,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_script("recommend_source", *(word.format(corpus) for word in arguments)) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("rate", ["NaN", "Infinity", "-0.1", "true"])
def test_what_is_no_error_rate_was_not_reached(
    rate: str, corpus: Path, tmp_path: Path, run_script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "reached.json").write_text(f'{{"de={corpus.name}": {rate}, "es={corpus.name}": 0.4}}')
    words = ["--target", f"it={corpus}", f"de={corpus}", f"es={corpus}", "--reached", tmp_path / "reached.json"]
    assert run_script("recommend_source", *words) == 2
    assert "holds something else than CERs" in capsys.readouterr().err


def test_a_transfer_ranks_its_sources_and_trains_nothing(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ["--source", f"de={corpus}", "--target", f"it={corpus}", "--recommend", "--quiet"]
    assert main(asked) == 2
    assert "--recommend: ranks --source, of which 1 is given" in capsys.readouterr().err
    asked += ["--source", f"es={corpus}"]
    assert main(asked) == 0
    assert "No single criterion wins" in capsys.readouterr().out
    assert main([*asked, "--json"]) == 0
    assert sorted(json.loads(capsys.readouterr().out)["order"]) == [f"de={corpus.name}", f"es={corpus.name}"]
    assert main([*asked, "--target", f"it={tmp_path}"]) == 2
    assert "compares with one --target" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_a_transfer_lets_its_sources_teach_a_model_first_where_it_is_told_how_long(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught: list[FinetuneSettings] = []
    monkeypatch.setattr(trial.finetune, "run", taught.append)
    monkeypatch.setattr(recommendation, "try_checkpoint", lambda *_: trial.Trial(None, None, ()))
    words = ["--source", f"de={corpus}", "--source", f"es={corpus}", "--target", f"it={corpus}", "--recommend"]
    assert main([*words, "--max-steps", "3", "--output", str(tmp_path / "trials"), "--quiet"]) == 0
    assert [(one.lang, one.max_steps, one.model) for one in taught] == [("de", 3, "starter"), ("es", 3, "starter")]
    assert {one.output.parent for one in taught if one.output} == {tmp_path / "trials"}
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--max-steps", "3", "--quiet"]) == 0
    assert taught[-1].output and taught[-1].output.parent == Path("runs/de-es-to-it-auto-trials")  # not the transfer's

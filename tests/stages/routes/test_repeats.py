"""The same run with several seeds: each stands alone, is done once, and the validation alone chooses among them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from transformers import pipeline

from hf_speech_tl.errors import DiskError, SettingsError
from hf_speech_tl.models.checkpoint import read_config
from hf_speech_tl.publishing import push
from hf_speech_tl.settings import FinetuneSettings, read_yaml
from hf_speech_tl.stages import finetune
from hf_speech_tl.stages.finetune import _time
from hf_speech_tl.stages.routes import repeats
from hf_speech_tl.training import SpeechTrainer

Make = Callable[..., FinetuneSettings]


@pytest.fixture(scope="session")
def _whole(settings_in: Callable[[Path], Make], tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("repeats") / "run"
    repeats.run(settings_in(directory)(seeds=2, max_steps=2))
    return directory


@pytest.fixture
def whole(_whole: Path, tmp_path: Path) -> Path:
    """A copy of finished runs with two seeds in the place of `asked`."""
    return Path(shutil.copytree(_whole, tmp_path / "run"))


@pytest.fixture
def asked(settings: Make) -> Make:
    """Settings of two seeds with two steps each; what differs is given by name."""
    return lambda **changes: settings(**{"seeds": 2, "max_steps": 2, **changes})


def _results(directory: Path) -> dict:
    return json.loads((directory / "results.json").read_text("utf-8"))


def _weights(directory: Path) -> bytes:
    return (directory / "model.safetensors").read_bytes()


def test_each_seed_is_the_run_that_it_would_be_alone(whole: Path, settings: Make, tmp_path: Path) -> None:
    assert sorted(path.name for path in whole.iterdir()) == [
        *("ledger.json", "results.json", "run.yaml", "seed-0", "seed-1")
    ]
    for seed in (0, 1):
        place = whole / f"seed-{seed}"
        pipeline("automatic-speech-recognition", model=str(place))
        assert (place / "README.md").is_file() and not (place / "checkpoints").exists()
        assert _results(place)["training"]["seed"] == seed
        assert read_yaml(FinetuneSettings, place / "run.yaml").seeds == 1
    finetune.run(settings(seed=1, max_steps=2, output=tmp_path / "alone"))
    assert _weights(tmp_path / "alone") == _weights(whole / "seed-1") != _weights(whole / "seed-0")
    assert read_yaml(FinetuneSettings, whole / "run.yaml").seeds == 2


def test_the_whole_says_how_far_the_seeds_are_apart(whole: Path) -> None:
    results, apart = _results(whole), [_results(whole / f"seed-{seed}") for seed in (0, 1)]
    told = results["seeds"]
    assert [(run["seed"], run["directory"]) for run in told["runs"]] == [(0, "seed-0"), (1, "seed-1")]
    assert [run["after"] for run in told["runs"]] == [one["after"] for one in apart]
    assert [run["seconds"] for run in told["runs"]] == [one["training"]["seconds"] for one in apart]
    for name in ("cer", "wer"):
        first, second = (one["after"][name]["value"] for one in apart)
        spread = told[name]
        assert spread["mean"] == pytest.approx((first + second) / 2)
        assert spread["standard_deviation"] == pytest.approx(abs(first - second) / 2**0.5)
        assert (spread["lowest"], spread["highest"]) == (min(first, second), max(first, second))
        assert spread["low"] <= spread["mean"] <= spread["high"]
    assert results["command"].startswith("hf-speech-tl finetune --lang it") and "--seeds 2" in results["command"]


@pytest.mark.parametrize(
    ("validation", "best"), [((0.5, 0.4), "seed-1"), ((0.4, 0.5), "seed-0"), ((0.4, 0.4), "seed-0")]
)
def test_the_best_is_chosen_by_validation_and_not_by_the_test_split(
    whole: Path, asked: Make, trained: list[str], validation: tuple[float, float], best: str
) -> None:
    for seed, cer in enumerate(validation):
        results = _results(whole / f"seed-{seed}")
        results["training"]["best_validation_cer"] = cer
        results["after"]["cer"]["value"] = 1 - cer  # the other one is the best there
        (whole / f"seed-{seed}" / "results.json").write_text(json.dumps(results))
    found = repeats.run(asked())
    assert found["seeds"]["best"] == best and found["after"] == _results(whole / best)["after"]
    assert trained == [] and found["output"] == str(whole)


def test_what_is_complete_is_not_repeated_and_seeds_can_be_added(whole: Path, asked: Make, trained: list[str]) -> None:
    results = repeats.run(asked(seeds=3))
    assert trained == ["seed-2"] and len(results["seeds"]["runs"]) == 3


def test_killed_within_a_seed_the_same_command_goes_on_and_ends_with_the_same_weights(
    _whole: Path, asked: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd, trained: list[str]
) -> None:
    step = SpeechTrainer.training_step

    def killed(self: SpeechTrainer, *arguments: object) -> object:
        if self.state.global_step == 1 and "seed-1" in str(self.args.output_dir):
            raise KeyboardInterrupt
        return step(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(SpeechTrainer, "training_step", killed)
        with pytest.raises(KeyboardInterrupt, match=r"run$"):
            repeats.run(asked(quiet=False))
    said = " ".join(capfd.readouterr().err.split())
    assert "seeds 2, each a run of its own" in said and said.count("multiply-adds a second") == 1
    assert "the steps are given, for each of 2 seeds" in said and trained == ["seed-0", "seed-1"]
    assert not (tmp_path / "run" / "results.json").exists()
    repeats.run(asked(quiet=False, output=None, resume=str(tmp_path / "run")))
    said = " ".join(capfd.readouterr().err.split())
    assert "seed-0: complete seed-1: goes on from its checkpoint" in said and trained[2:] == ["seed-1"]
    assert _results(tmp_path / "run" / "seed-1")["training"]["resumed_at_step"] == 1
    for name in ("seed-0", "seed-1"):
        assert _weights(tmp_path / "run" / name) == _weights(_whole / name)


def test_asked_to_stop_in_the_last_step_of_a_seed_no_other_begins_and_the_same_command_goes_on(
    _whole: Path, asked: Make, tmp_path: Path, trained: list[str], asked_at_the_end: Callable[[str, str], None]
) -> None:
    asked_at_the_end("SIGUSR1", "seed-0")
    with pytest.raises(KeyboardInterrupt, match=r"run$"):
        repeats.run(asked())
    assert trained == ["seed-0"] and _weights(tmp_path / "run" / "seed-0") == _weights(_whole / "seed-0")
    asked_at_the_end("SIGINT", "seed-1")  # in the last step of all
    results = repeats.run(asked())
    assert trained[1:] == ["seed-1"] and len(results["seeds"]["runs"]) == 2


def test_a_disk_that_fills_up_within_a_seed_names_the_directory_of_all(
    asked: Make, tmp_path: Path, full_at: Callable[[int, str], None]
) -> None:
    full_at(2, "seed-0")
    with pytest.raises(DiskError, match="step 2 could not be written") as caught:
        repeats.run(asked())
    assert caught.value.directory == str(tmp_path / "run")


def test_other_settings_are_told_and_lose_nothing_unasked(whole: Path, asked: Make, trained: list[str]) -> None:
    with pytest.raises(SettingsError, match=r"seed-0: holds a run .*\(--max-steps 2 there, 1 here\)"):
        repeats.run(asked(max_steps=1))
    assert trained == [] and (whole / "results.json").is_file()
    repeats.run(asked(max_steps=1, output=None, resume=str(whole), overwrite=True))  # also where a run goes on
    assert trained == ["seed-0", "seed-1"]


def test_one_run_and_several_do_not_share_a_directory(whole: Path, asked: Make, complete, tmp_path: Path) -> None:
    for overwrite in (True, False):
        with pytest.raises(SettingsError, match=r"holds runs with several seeds, .* would be lost"):
            finetune.run(asked(seeds=1, overwrite=overwrite))
    with pytest.raises(SettingsError, match="holds one run, and with --seeds 2 each has a directory of its own"):
        repeats.run(asked(output=None, resume=str(complete[1])))
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.txt").write_text("mine")
    with pytest.raises(SettingsError, match="holds something else than runs of finetune"):
        repeats.run(asked(output=tmp_path / "thesis", overwrite=True))


def test_the_plan_says_how_long_all_of_them_take() -> None:
    course = SimpleNamespace(length=SimpleNamespace(seconds=480.0))
    assert _time(course, 1) == "about 8 min of training"
    assert _time(course, 3) == "about 8 min of training, 24 min for 3 seeds"


def test_a_summary_of_more_seeds_is_not_lost_unasked(whole: Path, asked: Make) -> None:
    before = _results(whole)
    with pytest.raises(SettingsError, match="tells of seed-0 too, which would be lost"):
        repeats.run(asked(seed=1))
    assert _results(whole) == before
    repeats.run(asked(seed=1, overwrite=True))
    assert [run["directory"] for run in _results(whole)["seeds"]["runs"]] == ["seed-1", "seed-2"]


def test_the_best_seed_is_named_where_the_whole_is_given(whole: Path) -> None:
    best = whole / _results(whole)["seeds"]["best"]
    for refused in (lambda: read_config(str(whole)), lambda: push(whole, None, private=False)):
        with pytest.raises(SettingsError, match=f"give the best, {best}"):
            refused()

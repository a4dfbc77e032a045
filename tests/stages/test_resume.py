"""A run that was cut off and went on is the run that was not: weights, scores and log."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from hf_speech_tl.errors import DiskError, SettingsError
from hf_speech_tl.settings import FinetuneSettings, Source, read_yaml
from hf_speech_tl.stages import teaching
from hf_speech_tl.stages.finetune import run
from hf_speech_tl.stages.runs import output
from hf_speech_tl.training import Pace, SpeechTrainer
from hf_speech_tl.training.checkpoints import REST

pytestmark = pytest.mark.slow


def resumed(settings: FinetuneSettings, **changes: object) -> FinetuneSettings:
    assert settings.output is not None
    return dataclasses.replace(settings, output=None, resume=str(settings.output), **changes)


def same_weights(one: Path, other: Path) -> bool:
    return (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()


@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_weights_scores_and_log_are_those_of_an_unbroken_run(tuning: str, settings, cut_at, log, tmp_path) -> None:
    # Four steps between lines of the log, three between checkpoints: the loss of a line spans a checkpoint.
    changes = dict(max_steps=48, tuning=tuning, augment=("mask",), learning_rate=1e-2)
    whole = run(settings(output=tmp_path / "whole", **changes))
    cut = settings(output=tmp_path / "cut", **changes)
    cut_at(8, cut)
    with (tmp_path / "cut" / "log.jsonl").open("a") as file:
        file.write('{"step": 9, "seco')
    went_on = run(resumed(cut, report_to=("tensorboard",), quiet=False))
    assert went_on["training"]["resumed_at_step"] == 6
    assert same_weights(tmp_path / "whole", tmp_path / "cut")
    assert went_on["after"] == whole["after"] and log(tmp_path / "cut") == log(tmp_path / "whole")


def test_a_run_that_ends_early_ends_as_early_when_it_was_cut_off_on_the_way(
    settings, cut_at, log, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("hf_speech_tl.training.descent._BY_HEART", math.inf)
    changes = dict(max_steps=48, patience=2, learning_rate=1e-2)
    whole = run(settings(output=tmp_path / "whole", **changes))["training"]
    early = whole["ended_early"]
    assert early["planned"] == 48 and early["best"] < early["begins"] < early["ends"] == whole["steps"] < 48
    assert whole["stopped_by"] == "patience"
    # Whoever repeats it plans as many steps, and comes to the same end.
    assert read_yaml(FinetuneSettings, tmp_path / "whole" / "run.yaml").max_steps == 48
    cut = settings(output=tmp_path / "cut", **changes)
    cut_at(early["begins"] + 1, cut)
    went_on = run(resumed(cut))["training"]
    assert went_on["ended_early"] == early and went_on["resumed_at_step"] == early["begins"]
    assert same_weights(tmp_path / "whole", tmp_path / "cut")
    assert log(tmp_path / "cut") == log(tmp_path / "whole")


def test_the_precision_that_was_measured_stays(settings, cut_at, monkeypatch) -> None:
    cut = settings(max_steps=8, precision="auto")
    monkeypatch.setattr(teaching, "choose_precision", lambda *_: Pace("bfloat16"))
    cut_at(5, cut)
    monkeypatch.setattr(teaching, "choose_precision", lambda *_: pytest.fail("it was measured again"))
    assert run(resumed(cut))["training"]["precision"] == "bfloat16"


def test_a_damaged_newest_checkpoint_costs_steps_and_nothing_else(settings, cut_at, tmp_path) -> None:
    whole = run(settings(max_steps=16, output=tmp_path / "whole"))
    cut = settings(max_steps=16, output=tmp_path / "cut")
    cut_at(12, cut)
    os.truncate(tmp_path / "cut" / "checkpoints" / "checkpoint-12" / "model.safetensors", 1000)
    went_on = run(resumed(cut))
    assert went_on["training"]["resumed_at_step"] < 12 and went_on["after"] == whole["after"]
    assert same_weights(tmp_path / "whole", tmp_path / "cut")


def test_a_run_may_be_moved_and_its_best_checkpoint_goes_with_it(settings, cut_at, log, tmp_path) -> None:
    run(settings(max_steps=16, output=tmp_path / "whole"))
    cut = settings(max_steps=16, output=tmp_path / "cut")
    cut_at(14, cut)
    shutil.move(tmp_path / "cut", tmp_path / "moved")
    training = run(resumed(dataclasses.replace(cut, output=tmp_path / "moved")))["training"]
    assert same_weights(tmp_path / "whole", tmp_path / "moved")
    found = [(line["step"], line["eval_cer"]) for line in log(tmp_path / "whole") if "eval_cer" in line]
    assert training["best_step"] == min(found, key=lambda one: one[1])[0]
    assert training["last_validation_cer"] == found[-1][1]


def test_what_was_found_bad_left_out_and_timed_before_the_kill_is_told_afterwards(settings, cut_at, tmp_path) -> None:
    cut = settings(output=tmp_path / "cut")
    cut_at(3, cut)
    (path,) = (tmp_path / "cut" / "checkpoints").glob(f"checkpoint-3/{REST}")
    rest = json.loads(path.read_text())
    assert 0 < rest["evaluation_seconds"] < rest["seconds"]
    rest["by_process"][0]["bad"], rest["skipped"] = {"train-clip3": "silent"}, 2
    rest["seconds"], rest["evaluation_seconds"] = 2000, 1000
    path.write_text(json.dumps(rest))
    parts = json.loads((path.parent / "parts.json").read_text()) | {REST: path.stat().st_size}
    (path.parent / "parts.json").write_text(json.dumps(parts))
    training = run(resumed(cut))["training"]
    assert training["clips_lost"] == {"train-clip3": "silent"} and training["steps_skipped"] == 2
    assert training["evaluation_seconds"] == pytest.approx(1000, abs=100) and training["seconds"] >= 2000


@pytest.fixture
def stopped(
    settings: Callable[..., FinetuneSettings], cut_at: Callable[[int, FinetuneSettings], None]
) -> FinetuneSettings:
    """A run with a checkpoint of its second step."""
    begun = settings()
    cut_at(2, begun)
    return begun


def test_a_new_run_in_its_place_is_told_how_the_old_one_goes_on(settings, stopped: FinetuneSettings) -> None:
    with pytest.raises(SettingsError, match=r"--resume .* to go on with it, or name another directory"):
        run(settings())


def test_changed_settings_are_named_and_refused(stopped: FinetuneSettings) -> None:
    with pytest.raises(SettingsError, match=r"--max-steps 4 there, 8 here; --seed 0 there, 1 here"):
        run(resumed(stopped, max_steps=8, seed=1))


def test_recordings_may_lie_elsewhere_and_not_weigh_otherwise(stopped: FinetuneSettings, tmp_path: Path) -> None:
    moved = shutil.copytree(str(stopped.data[0]), tmp_path / "scratch" / Path(str(stopped.data[0])).name)
    with pytest.raises(SettingsError, match="--data"):
        run(resumed(stopped, data=(Source(str(moved), weight=2.0),)))
    assert run(resumed(stopped, data=(str(moved),)))["training"]["resumed_at_step"] == 2


def test_a_run_goes_on_with_as_many_processes_as_it_began_with(stopped: FinetuneSettings) -> None:
    for path in (Path(str(stopped.output)) / "checkpoints").glob(f"*/{REST}"):
        rest = json.loads(path.read_text())
        path.write_text(json.dumps(rest | {"by_process": rest["by_process"] * 2}))
        parts = json.loads((path.parent / "parts.json").read_text()) | {REST: path.stat().st_size}
        (path.parent / "parts.json").write_text(json.dumps(parts))
    with pytest.raises(SettingsError, match="launched with 2 processes, and now with 1 process;"):
        run(resumed(stopped))


def test_a_complete_run_says_so(settings) -> None:
    begun = settings(max_steps=1)
    run(begun)
    with pytest.raises(SettingsError, match="that run is complete"):
        run(resumed(begun))


def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(settings, tmp_path, monkeypatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(output.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(SettingsError, match=r"writes up to .* MB there, and 0 MB are free"):
        run(settings())
    assert not (tmp_path / "run").exists()


def test_what_a_cache_may_take_counts_where_it_is_on_the_same_disk(tmp_path, monkeypatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=5_000_000)
    monkeypatch.setattr(output.shutil, "disk_usage", lambda _: usage)
    begun, cache = output.Output(tmp_path / "run", None), tmp_path / "deeper" / "cache"
    output.check_space(begun, 4_000_000, cache, 1_000_000)
    said = r"up to 4 MB there, up to 2 MB in --cache .*cache, and 5 MB are free\. Make room, take --cache memory, or"
    with pytest.raises(SettingsError, match=said):
        output.check_space(begun, 4_000_000, cache, 2_000_000)
    disks = iter((1, 2))
    other = SimpleNamespace(stat=lambda: SimpleNamespace(st_dev=next(disks)))
    monkeypatch.setattr(output, "_existing", lambda _: other)
    output.check_space(begun, 4_000_000, cache, 2_000_000)


def test_a_disk_that_fills_up_leaves_the_last_checkpoint(settings, tmp_path, monkeypatch) -> None:
    whole = run(settings(output=tmp_path / "whole"))
    begun = settings(output=tmp_path / "cut")
    saved = SpeechTrainer._save_optimizer_and_scheduler

    def fill(self: SpeechTrainer, directory: str) -> None:
        if self.state.global_step == 3:
            raise OSError(28, "No space left on device")
        saved(self, directory)

    with monkeypatch.context() as patch, pytest.raises(DiskError, match="that of step 2 is whole") as caught:
        patch.setattr(SpeechTrainer, "_save_optimizer_and_scheduler", fill)
        run(begun)
    assert caught.value.directory == str(begun.output)
    went_on = run(resumed(begun))
    assert went_on["training"]["resumed_at_step"] == 2 and went_on["after"] == whole["after"]
    assert same_weights(tmp_path / "whole", tmp_path / "cut")


def test_a_kill_while_an_old_run_is_replaced_leaves_a_directory_of_ours(stopped, monkeypatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    directory = Path(str(stopped.output))
    again = dataclasses.replace(stopped, overwrite=True, seed=1)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(output, "write_yaml", stop)
        run(again)
    # New settings never stand beside old checkpoints, nor the other way round.
    assert not (directory / "checkpoints").exists() and output.is_run(directory)
    (directory / "run.yaml").rename(directory / "run.yaml.part")
    for path in directory.glob("[!r]*"):
        path.unlink()
    run(again)

"""A run that keeps what frozen layers make of its clips is the run that does not, but for the rounding to 16 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hf_speech_tl.models import Frozen
from hf_speech_tl.stages import finetune
from hf_speech_tl.stages.finetune import run

pytestmark = pytest.mark.slow


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths, in samples, of the clips that a frozen part is run on from here on."""
    lengths: list[int] = []
    make = Frozen.__call__
    monkeypatch.setattr(Frozen, "__call__", lambda self, clip: lengths.append(len(clip)) or make(self, clip))
    return lengths


def _weights(directory: Path) -> bytes:
    return (directory / "model.safetensors").read_bytes()


@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_losses_are_those_of_the_clips_and_weights_the_same_wherever_states_are_kept_and_after_a_kill(
    tuning: str, settings, cut_at, log, made: list[int], tmp_path: Path, capfd
) -> None:
    changes = dict(max_steps=16, tuning=tuning, freeze_layers=1, augment=(), learning_rate=1e-2)
    stored = str(tmp_path / "states")
    run(settings(output=tmp_path / "clips", cache="none", quiet=False, **changes))
    assert not made and "(--cache)" not in capfd.readouterr().err
    results = run(settings(output=tmp_path / "memory", quiet=False, **changes))
    plan = " ".join(capfd.readouterr().err.split())
    assert "kept what frozen layer 1 makes of the training clips: 0 MB, all of it in memory (--cache)" in plan
    # A second of silence, of which the plan tells the size, and each of the eight clips once.
    assert len(made) == 9 and results["training"]["layers_frozen"] == 1
    losses = [[line["loss"] for line in log(tmp_path / name) if "loss" in line] for name in ("clips", "memory")]
    assert len(losses[0]) > 3
    np.testing.assert_allclose(losses[1], losses[0], rtol=2e-4)

    cut = settings(output=tmp_path / "cut", cache=stored, **changes)
    cut_at(12, cut)
    assert len(list(Path(stored).rglob("*.npy"))) == 8
    made.clear()
    run(settings(output=None, resume=str(cut.output), cache=stored, **changes))
    assert len(made) <= 1  # silence: clips are found on the disk
    assert _weights(tmp_path / "cut") == _weights(tmp_path / "memory")
    assert log(tmp_path / "cut") == log(tmp_path / "memory")


def test_where_no_states_fit_into_16_bits_a_run_is_the_one_that_keeps_none(
    settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd
) -> None:
    changes = dict(tuning="lora", freeze_layers=1, augment=())
    run(settings(output=tmp_path / "clips", cache="none", **changes))
    make = Frozen.__call__
    monkeypatch.setattr(Frozen, "__call__", lambda self, clip: make(self, clip) * float("inf"))
    run(settings(output=tmp_path / "memory", **changes))
    assert capfd.readouterr().err.count("what frozen layer 1 makes of a clip does not fit into 16 bits") == 1
    assert _weights(tmp_path / "memory") == _weights(tmp_path / "clips")


def test_what_states_may_take_of_the_disk_is_planned_and_asked_for(
    settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd
) -> None:
    asked: list[tuple[Path, float]] = []
    monkeypatch.setattr(finetune, "check_space", lambda _, __, *cache: asked.append(cache))
    stored = tmp_path / "states"
    run(settings(cache=str(stored), max_steps=8, augment=(), quiet=False))
    written = sum(path.stat().st_size for path in stored.rglob("*.npy"))
    assert asked == [(), (stored, pytest.approx(written, rel=0.2))]  # a file has 128 bytes more
    plan = "".join(capfd.readouterr().err.split())
    assert f"whiletraining,andupto0MBin{stored}(--cache)" in plan

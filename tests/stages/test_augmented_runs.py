"""Runs of the whole stage with augmentation and consistency."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file
from tiny import RATE, save_tiny

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings import Augmentation, FinetuneSettings
from hf_speech_tl.settings.yaml_file import read_values
from hf_speech_tl.stages.finetune import run
from hf_speech_tl.training import SpeechTrainer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to mix clips with, as noise or as rooms."""
    folder = tmp_path_factory.mktemp("recordings")
    generator = np.random.default_rng(0)
    for number in range(2):
        soundfile.write(folder / f"{number}.flac", 0.1 * generator.normal(size=RATE // 2).clip(-1, 1), RATE)
    return folder


def _weights(directory: Path) -> dict[str, torch.Tensor]:
    return load_file(directory / "model.safetensors")


def test_every_augmentation_at_once_and_again_from_its_file(settings, recordings: Path, tmp_path: Path, capfd) -> None:
    words = f"speed,silence,pitch,rir={recordings},noise={recordings},gain,telephone,mask,bands"
    first = run(settings(augment=words, output=tmp_path / "one", quiet=False))
    assert first["training"]["augment"] == words.split(",")
    assert f"--augment{words}" in "".join(capfd.readouterr().err.split())
    values = read_values(FinetuneSettings, tmp_path / "one" / "run.yaml")
    second = run(FinetuneSettings(**values, output=tmp_path / "two", quiet=True))
    assert second["after"] == first["after"]
    for key, value in _weights(tmp_path / "one").items():
        assert torch.equal(value, _weights(tmp_path / "two")[key])


def test_a_resumed_run_hears_what_it_would_have_heard(settings, tmp_path: Path, monkeypatch) -> None:
    changes = dict(augment="speed,pitch,gain,silence,mask", consistency=0.2, max_steps=6)
    run(settings(output=tmp_path / "whole", **changes))
    step = SpeechTrainer.training_step

    def stop(trainer: SpeechTrainer, *rest: object) -> torch.Tensor:
        if trainer.state.global_step == 4:
            raise KeyboardInterrupt
        return step(trainer, *rest)

    with monkeypatch.context() as cut, contextlib.suppress(KeyboardInterrupt):
        cut.setattr(SpeechTrainer, "training_step", stop)
        run(settings(output=tmp_path / "cut", **changes))
    resumed = run(settings(output=None, resume=str(tmp_path / "cut"), **changes))
    assert resumed["training"]["resumed_at_step"] in (3, 4)
    for key, value in _weights(tmp_path / "whole").items():
        assert torch.equal(value, _weights(tmp_path / "cut")[key])


def test_consistency_masks_more_and_is_measured_and_told(settings, capfd, tmp_path: Path) -> None:
    results = run(settings(consistency=0.2, quiet=False, max_steps=None, max_minutes=0.01))
    assert results["training"]["consistency"] == 0.2
    assert results["training"]["augment"] == ["speed", "pitch", "gain", {"mask": {"share": 0.125}}]
    told = " ".join(capfd.readouterr().err.split())
    assert "0.125 of the frames masked" in told and "--consistency 0.2: two views of each utterance" in told
    values = read_values(FinetuneSettings, tmp_path / "run" / "run.yaml")
    assert values["augment"] is None and values["consistency"] == 0.2


def test_a_family_without_masking_wants_another_way_to_two_views(settings, tmp_path: Path) -> None:
    base = str(save_tiny(tmp_path / "base", "parakeet_ctc"))
    with pytest.raises(SettingsError, match=r"--consistency 0.2: models of the family of .* have no masking"):
        run(settings(model=base, consistency=0.2, tuning="lora"))  # trained whole, it hears other voices
    with pytest.raises(SettingsError, match=r"--augment bands: models of the family of .* have no masking"):
        run(settings(model=base, augment=("bands",)))


def test_waveforms_alone_make_two_views(settings, tmp_path: Path) -> None:
    base = str(save_tiny(tmp_path / "base", "parakeet_ctc"))
    results = run(settings(model=base, consistency=0.2, augment=(Augmentation("telephone", 0.5),), max_steps=1))
    assert results["training"]["augment"] == [{"telephone": {"share": 0.5}}]

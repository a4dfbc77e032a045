"""The score of the model that a training began with."""

import shutil

import pytest
from tiny import save_tiny

from hf_speech_tl.settings import EvaluateSettings
from hf_speech_tl.stages import evaluation
from hf_speech_tl.stages.finetune import run
from hf_speech_tl.training import SpeechTrainer


def test_it_is_what_evaluate_says_of_that_model(settings, complete) -> None:
    _, model = complete
    results = run(settings(model=str(model), max_steps=1, learning_rate=0.1))
    alone = evaluation.run(EvaluateSettings(model=str(model), data=settings().data))
    assert results["before"] == alone["after"] != results["after"]


def test_a_model_that_is_gone_meanwhile_costs_that_score_and_not_the_run(
    settings, complete, tmp_path, monkeypatch: pytest.MonkeyPatch, capfd
) -> None:
    model = shutil.copytree(complete[1], tmp_path / "base")
    trained = SpeechTrainer.training_step

    def train(self: SpeechTrainer, *arguments: object) -> object:
        shutil.rmtree(model, ignore_errors=True)
        return trained(self, *arguments)

    monkeypatch.setattr(SpeechTrainer, "training_step", train)
    results = run(settings(model=str(model), max_steps=1))
    assert results["before"] is None and results["after"]["utterances"] == 8
    assert "warning: no score from before training: " in capfd.readouterr().err
    assert (tmp_path / "run" / "results.json").exists()


def test_another_model_in_its_place_is_not_taken_for_it(
    settings, complete, tmp_path, monkeypatch: pytest.MonkeyPatch, capfd
) -> None:
    model = shutil.copytree(complete[1], tmp_path / "base")
    other = save_tiny(tmp_path / "other", symbols=40)
    trained = SpeechTrainer.training_step

    def train(self: SpeechTrainer, *arguments: object) -> object:
        shutil.rmtree(model)
        shutil.copytree(other, model)
        return trained(self, *arguments)

    monkeypatch.setattr(SpeechTrainer, "training_step", train)
    assert run(settings(model=str(model), max_steps=1))["before"] is None
    assert f"no score from before training: another model lies at {model} by now" in capfd.readouterr().err

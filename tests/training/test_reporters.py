"""What transformers' reporters get to write, and where."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from test_trainer import FixedBatches, build
from tiny import save_tiny, tiny_model
from transformers import AutoModelForCTC
from transformers.integrations import WandbCallback

from hf_speech_tl.training import SpeechTrainer, reporting


def trained(directory, **changes) -> SpeechTrainer:
    trainer = build(directory / "checkpoints", FixedBatches([[0, 1]] * 10), steps=10, **changes)
    with reporting(trainer, trainer.model.config, directory):
        trainer.train()
    return trainer


def test_tensorboard_reads_the_course_of_the_training(tmp_path) -> None:
    trained(tmp_path, report_to=["tensorboard"])
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    wanted = {"train/loss", "train/learning_rate", "train/head_learning_rate", "eval/cer", "eval/cer_low"}
    wanted |= {"eval/cer_high", "eval/blank_share"}
    assert wanted <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("eval/cer")] == [10]


def test_a_place_that_the_user_chose_for_tensorboard_is_kept(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "mine"))
    trained(tmp_path, report_to=["tensorboard"])
    assert any((tmp_path / "mine").iterdir()) and not (tmp_path / "tensorboard").exists()


def test_reporters_are_not_told_where_things_lie(tmp_path) -> None:
    base = save_tiny(tmp_path / "home" / "base")
    model = AutoModelForCTC.from_pretrained(base)
    trainer = trained(tmp_path / "run", report_to=["tensorboard"], model=model)
    assert trainer.args.output_dir == str(tmp_path / "run" / "checkpoints")
    assert (trainer.args.to_dict()["output_dir"], trainer.args.run_name) == ("checkpoints", "run")
    assert model.config.to_dict()["_name_or_path"] == "base"
    (events,) = (tmp_path / "run" / "tensorboard").iterdir()
    assert str(tmp_path).encode() not in events.read_bytes()


def test_a_model_of_the_hub_keeps_its_name(tmp_path) -> None:
    model = tiny_model()
    model.config.name_or_path = "facebook/wav2vec2-base"
    trained(tmp_path, model=model)
    assert model.config.name_or_path == "facebook/wav2vec2-base"


class WandbStandIn(WandbCallback):
    """Weights & Biases itself is no dependency of the tests; this notes what it would find in the environment."""

    def __init__(self) -> None:
        self.found: dict[str, str | None] = {}

    def on_train_begin(self, *_: object, **__: object) -> None:
        self.found = {name: os.environ.get(name) for name in ("WANDB_X_DISABLE_META", "WANDB_CONSOLE")}

    def on_log(self, *_: object, **__: object) -> None:
        pass

    on_save = on_train_end = on_log


def test_weights_and_biases_is_discreet_unless_the_user_says_otherwise_and_ends_with_the_run(
    tmp_path, monkeypatch
) -> None:
    closed = []
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(finish=lambda: closed.append(True)))
    monkeypatch.setenv("WANDB_CONSOLE", "wrap")
    trainer = build(tmp_path, FixedBatches([[0, 1]]), steps=1)
    reporter = WandbStandIn()
    trainer.add_callback(reporter)
    with reporting(trainer, trainer.model.config, tmp_path):
        trainer.train()
        assert not closed
    assert reporter.found == {"WANDB_X_DISABLE_META": "true", "WANDB_CONSOLE": "wrap"}
    assert closed == [True]

"""Reporters are transformers' own (TensorBoard, trackio, Weights & Biases); here they learn where to write, and what
of this machine is nobody's business."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transformers import PreTrainedConfig, Trainer
from transformers.integrations import TensorBoardCallback, WandbCallback

# By itself Weights & Biases sends the command line, the program's path, the host's name, the repository and all that
# is printed. What a user set in the environment stays.
_DISCREET = {
    "WANDB_CONSOLE": "off",
    "WANDB_DISABLE_CODE": "true",
    "WANDB_DISABLE_GIT": "true",
    "WANDB_X_DISABLE_META": "true",
}


@contextmanager
def reporting(trainer: Trainer, config: PreTrainedConfig, directory: Path) -> Iterator[None]:
    """Lasts while `trainer` trains, in `directory`, the model of `config`, which reporters get whole.

    TensorBoard's events go to `tensorboard/` there, unless TENSORBOARD_LOGGING_DIR names another place: transformers
    would put them beside the checkpoints, which are gone when the run is complete. The configuration loses the path
    that it was read from, and the environment gains what keeps Weights & Biases discreet.
    """
    for name, value in _DISCREET.items():
        os.environ.setdefault(name, value)
    if config.name_or_path and os.path.exists(config.name_or_path):
        config.name_or_path = Path(config.name_or_path).resolve().name
    callbacks = trainer.callback_handler.callbacks
    for callback in callbacks:
        if isinstance(callback, TensorBoardCallback) and callback.logging_dir is None:
            callback.logging_dir = str(directory / "tensorboard")
    try:
        yield
    finally:
        if any(isinstance(callback, WandbCallback) for callback in callbacks):
            import wandb

            wandb.finish()  # transformers leaves it open, and the next run of this process would go on in it

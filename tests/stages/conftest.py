"""A corpus of noise on the disk, and settings that train a tiny model on it in seconds."""

from __future__ import annotations

import errno
import json
import math
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import datasets
import pytest
from tiny import save_tiny, tiny_rows

from hf_speech_tl.settings import FinetuneSettings, RunSettings, Source, TransferSettings
from hf_speech_tl.stages import finetune, pretrain
from hf_speech_tl.training import SpeechTrainer

_TEXTS = ("ab", "abc d", "d", "a bad cab dab", "bb", "cab", "dad cab", "ada")


@pytest.fixture(autouse=True)
def _every_evaluation_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are killed at steps, not at times."""
    monkeypatch.setattr("hf_speech_tl.training.checkpoints._SHARE", math.inf)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of train, validation and test Parquet files."""
    folder = tmp_path_factory.mktemp("corpus")
    for seed, split in enumerate(("train", "validation", "test")):
        lengths = tuple(0.6 + 0.2 * ((at + seed) % 5) for at in range(len(_TEXTS)))
        rows = tiny_rows(lengths, _TEXTS, seed).remove_columns(["transcript", "source", "lang"])
        rows = rows.map(lambda row, split=split: {"id": f"{split}-{row['id']}"})
        rows.to_parquet(str(folder / f"{split}.parquet"))
    return folder


_SPOKEN = ("ab", "cab", "abc d", "bad", "d", "ada")


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    """A Parquet file of noise with transcripts, which also holds a test clip of the labelled corpus, renamed."""
    folder = tmp_path_factory.mktemp("pool")
    rows = tiny_rows(tuple(0.7 + 0.1 * at for at in range(len(_SPOKEN))), _SPOKEN, seed=9)
    rows = rows.remove_columns(["transcript", "source", "lang"])
    tested = datasets.Dataset.from_parquet(str(corpus / "test.parquet"))[2]
    datasets.Dataset.from_list([*rows, tested | {"id": "another name"}]).to_parquet(str(folder / "pool.parquet"))
    return folder / "pool.parquet"


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved tiny model that knows the corpus's symbols."""
    return save_tiny(tmp_path_factory.mktemp("tiny"))


Settings = Callable[..., FinetuneSettings]


def _settings(corpus: Path, model: Path, output: Path) -> Settings:
    def make(**changes: object) -> FinetuneSettings:
        plain: dict[str, object] = dict(
            lang="it",
            data=(str(corpus),),
            model=str(model),
            max_steps=4,
            batch_seconds=3.0,
            precision="float32",
            output=output,
            quiet=True,
        )
        return FinetuneSettings(**(plain | changes))

    return make


@pytest.fixture(scope="session")
def settings_in(corpus: Path, tiny_checkpoint: Path) -> Callable[[Path], Settings]:
    """Makes settings of short quiet runs in a directory."""
    return lambda output: _settings(corpus, tiny_checkpoint, output)


@pytest.fixture
def settings(corpus: Path, tiny_checkpoint: Path, tmp_path: Path) -> Settings:
    """Settings of a short quiet run; what differs is given by name."""
    return _settings(corpus, tiny_checkpoint, tmp_path / "run")


@pytest.fixture(scope="session")
def complete(
    corpus: Path, tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, object], Path]:
    """Results and directory of a run with these settings, to be looked at only."""
    directory = tmp_path_factory.mktemp("complete") / "run"
    return finetune.run(_settings(corpus, tiny_checkpoint, directory)()), directory


@pytest.fixture
def earlier(complete: tuple[dict[str, object], Path], tmp_path: Path) -> Path:
    """A copy of that run in the place of `settings`, for what comes after a run."""
    return Path(shutil.copytree(complete[1], tmp_path / "run"))


CutAt = Callable[[int, RunSettings], None]


@pytest.fixture
def cut_at(monkeypatch: pytest.MonkeyPatch) -> CutAt:
    """Runs until so many steps are done, then no further, without a word to anybody: as a kill does."""

    def cut(step: int, settings: RunSettings) -> None:
        trained = SpeechTrainer.training_step

        def train(self: SpeechTrainer, *arguments: object) -> object:
            if self.state.global_step == step:
                raise KeyboardInterrupt
            return trained(self, *arguments)

        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(SpeechTrainer, "training_step", train)
            finetune.run(settings) if isinstance(settings, FinetuneSettings) else pretrain.run(settings)

    return cut


AskedAtTheEnd = Callable[[str, str], None]


@pytest.fixture
def asked_at_the_end(monkeypatch: pytest.MonkeyPatch) -> AskedAtTheEnd:
    """Sends a signal by its name in the last step of the trainings whose checkpoints lie under a name."""

    def send(name: str, part: str) -> None:
        trained = SpeechTrainer.training_step

        def train(self: SpeechTrainer, *arguments: object) -> object:
            if self.state.global_step == self.state.max_steps - 1 and part in Path(str(self.args.output_dir)).parts:
                signal.raise_signal(getattr(signal, name))
            return trained(self, *arguments)

        monkeypatch.setattr(SpeechTrainer, "training_step", train)

    return send


FullAt = Callable[[int, str], None]


@pytest.fixture
def full_at(monkeypatch: pytest.MonkeyPatch) -> FullAt:
    """Fills the disk while a checkpoint of a step is written, of the trainings whose checkpoints lie under a name."""

    def fill(step: int, part: str) -> None:
        saved = SpeechTrainer._save_optimizer_and_scheduler

        def save(self: SpeechTrainer, directory: str) -> None:
            if self.state.global_step == step and part in Path(str(self.args.output_dir)).parts:
                raise OSError(errno.ENOSPC, "No space left on device")
            saved(self, directory)

        monkeypatch.setattr(SpeechTrainer, "_save_optimizer_and_scheduler", save)

    return fill


_TIMED = ("seconds", "train_runtime", "train_samples_per_second", "train_steps_per_second", "eval_probe_seconds")


@pytest.fixture
def log() -> Callable[[Path], list[dict[str, float]]]:
    """The lines of a run's log without what its clock says; train_loss is of what was trained since the checkpoint."""

    def read(directory: Path) -> list[dict[str, float]]:
        lines = [json.loads(line) for line in (directory / "log.jsonl").read_text().splitlines()]
        return [{key: line[key] for key in line if key not in (*_TIMED, "train_loss")} for line in lines]

    return read


MakeTransfer = Callable[..., TransferSettings]
_SHORT = {"precision": "float32", "batch_seconds": 3.0, "quiet": True, "max_steps": 3}


TransfersIn = Callable[[Path], MakeTransfer]


@pytest.fixture(scope="session")
def transfers_in(corpus: Path, tiny_checkpoint: Path) -> TransfersIn:
    """Makes settings of short quiet transfers in a directory; what differs is given by name."""

    def transfers(output: Path) -> MakeTransfer:
        def make(**changes: object) -> TransferSettings:
            plain: dict[str, object] = dict(
                source=(Source(str(corpus), lang="es"), Source(str(corpus), lang="pt")),
                target=(Source(str(corpus), lang="it"),),
                model=str(tiny_checkpoint),
                output=output,
                **_SHORT,
            )
            return TransferSettings(**(plain | changes))

        return make

    return transfers


@pytest.fixture
def asked(transfers_in: TransfersIn, tmp_path: Path) -> MakeTransfer:
    """Settings of a transfer in `whole`."""
    return transfers_in(tmp_path / "whole")


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The directories of the runs that train from here on."""
    names: list[str] = []
    train = SpeechTrainer.train

    def noted(self: SpeechTrainer, *arguments: object, **named: object) -> object:
        names.append(Path(str(self.args.output_dir)).parent.name)
        return train(self, *arguments, **named)

    monkeypatch.setattr(SpeechTrainer, "train", noted)
    return names

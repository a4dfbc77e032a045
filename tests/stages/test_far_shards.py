"""Training from shards at an address: the same as from the folder, also where it was cut off and went on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from served import Served, serve_folder

from hf_speech_tl.corpora import remote
from hf_speech_tl.errors import RunError
from hf_speech_tl.prepare import prepare
from hf_speech_tl.settings import FinetuneSettings, PrepareSettings
from hf_speech_tl.stages import course, teaching
from hf_speech_tl.stages.finetune import run
from hf_speech_tl.stages.teaching import plan_batches
from hf_speech_tl.training import Batches, Order, SpeechTrainer, StreamedBatches

pytestmark = pytest.mark.slow


@pytest.fixture
def served(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """The corpus as shards of some seconds on a server. Nothing that was read is kept: every clip is fetched anew."""
    monkeypatch.setattr(remote, "_WAITS", (0.0,))
    monkeypatch.setattr(remote, "_PIECES", remote._Pieces())
    monkeypatch.setattr(remote, "_ROOM", 1)
    monkeypatch.setattr("hf_speech_tl.stages.runs.memory.room_for_clips", lambda: 0.0)
    monkeypatch.setattr("hf_speech_tl.corpora.shard._GROUP", 50_000)
    prepare(PrepareSettings(lang="it", data=(str(corpus),), output=tmp_path / "shards", shard_seconds=4.0, quiet=True))
    with serve_folder(tmp_path / "shards") as running:
        yield running


def _weights(run: Path) -> bytes:
    return (run / "model.safetensors").read_bytes()


# Without room nothing is kept of what is sent for, and each clip comes by itself; with it, what comes ahead is used.
@pytest.mark.parametrize(("order", "room"), [(Batches, 1), (StreamedBatches, 1), (StreamedBatches, 100_000_000)])
def test_weights_are_those_of_the_folder_cut_off_or_not(
    order: type,
    room: int,
    served: Served,
    settings: Callable[..., FinetuneSettings],
    cut_at: Callable[[int, FinetuneSettings], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(remote, "_ROOM", room)
    orders = set()

    def noted(*given: object) -> Order:
        planned = plan_batches(*given)  # type: ignore[arg-type]
        orders.add(type(planned))
        return planned

    monkeypatch.setattr(course, "plan_batches", noted)
    if order is StreamedBatches:
        monkeypatch.setattr(teaching, "WINDOW", 1.0)
    changes = dict(max_steps=16, augment=("mask",), learning_rate=1e-2)
    near = run(settings(data=(str(served.folder),), output=tmp_path / "near", **changes))
    served.asked.clear()
    far = run(settings(data=(served.url,), output=tmp_path / "far", **changes))
    fetched = [line for line in served.asked if line.startswith("GET train")]
    assert len(fetched) >= 16 if room == 1 else len(fetched) == len(set(fetched))
    assert _weights(tmp_path / "far") == _weights(tmp_path / "near")
    assert far["after"] == near["after"]
    cut = settings(data=(served.url,), output=tmp_path / "cut", **changes)
    cut_at(9, cut)
    went_on = run(dataclasses.replace(cut, output=None, resume=str(cut.output)))
    assert 0 < went_on["training"]["resumed_at_step"] < 16
    assert _weights(tmp_path / "cut") == _weights(tmp_path / "near")
    assert orders == {order}


def test_a_server_that_goes_away_ends_the_run_with_a_line_and_it_goes_on_from_its_checkpoint(
    served: Served,
    settings: Callable[..., FinetuneSettings],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    changes = dict(max_steps=16, learning_rate=1e-2)
    run(settings(data=(str(served.folder),), output=tmp_path / "near", **changes))
    own = SpeechTrainer.training_step

    def step(trainer: SpeechTrainer, *given: object) -> object:
        if trainer.state.global_step == 8:
            served.fails("GET train", 503)
        return own(trainer, *given)  # type: ignore[arg-type]

    cut = settings(data=(served.url,), output=tmp_path / "cut", **changes)
    with monkeypatch.context() as patched:
        patched.setattr(SpeechTrainer, "training_step", step)
        with pytest.raises(RunError, match=r"it answered 503\). When it is there again, .*--resume"):
            run(cut)
    served.statuses.clear()
    went_on = run(dataclasses.replace(cut, output=None, resume=str(cut.output)))
    assert 0 < went_on["training"]["resumed_at_step"] < 16
    assert _weights(tmp_path / "cut") == _weights(tmp_path / "near")

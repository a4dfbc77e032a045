"""A model on the Hub, when that does not answer: loaded as it is or not at all, never as another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hub.away import come_here
from hub.faults import BROKEN, EXPIRED, RATE_LIMIT, SERVER_ERROR, Fault
from hub.server import Hub, Repository, serve
from huggingface_hub.utils import close_session
from tiny import EXTRACTOR, VOCABULARY, save_tiny, tiny_model

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models import is_of_starter, load_checkpoint, read_config
from hf_speech_tl.models.files import find_file

_ID = "ana/tuned"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub with a fine-tuned model, which normalises no clip, where models of its kind do."""
    folder = save_tiny(tmp_path / "tuned")
    extractor = type(EXTRACTOR)(**EXTRACTOR.to_dict() | {"do_normalize": False})
    VOCABULARY.processor(extractor, folder).save_pretrained(folder)
    (folder / "results.json").write_text('{"model": {"starter": true}}')
    for module in ("utils._http", "file_download"):
        monkeypatch.setattr(f"huggingface_hub.{module}.time", SimpleNamespace(sleep=lambda _: None))
    with serve({}) as running:
        running.repositories[_ID] = Repository(files={path.name: path.read_bytes() for path in folder.iterdir()})
        come_here(running, tmp_path / "cache", monkeypatch)
        yield running
    close_session()


def _is_itself() -> bool:
    loaded = load_checkpoint(_ID, read_config(_ID))
    known = is_of_starter(_ID, fresh=False)
    head = loaded.model.lm_head.weight.equal(tiny_model().lm_head.weight)
    return bool(known and head and loaded.vocabulary == VOCABULARY and not loaded.feature_extractor.do_normalize)


@pytest.mark.slow
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("fault", [SERVER_ERROR, RATE_LIMIT, BROKEN, EXPIRED], ids=["500", "429", "breaks", "expired"])
def test_no_fault_makes_another_model_of_it(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault, lasting: bool
) -> None:
    assert _is_itself()
    survived, told = 0, []
    for first in itertools.count(1):
        come_here(hub, tmp_path / f"cache {first}", monkeypatch)
        hub.requests.clear()
        hub.inject(fault, lambda number, first=first: number >= first if lasting else number == first)
        try:
            assert _is_itself()
            survived += 1
        except SettingsError as error:
            told.append(str(error))
            assert told[-1].startswith(f"--model {_ID}: ") and "\n" not in told[-1]
        hub.mend()
        if len([asked for asked in hub.requests if "agent-harnesses" not in asked]) < first:
            break
    print(f"{first - 1} requests, {survived - 1} survived, {len(told)} told")  # pytest -rP shows it
    assert told or fault is RATE_LIMIT
    assert _is_itself()


def test_what_was_fetched_once_needs_no_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _is_itself() and find_file(_ID, "notes.txt") is None
    hub.inject(SERVER_ERROR, lambda _: True)
    assert _is_itself() and find_file(_ID, "notes.txt") is None
    with pytest.raises(SettingsError, match=r"whether it has a other\.txt \(it answered 500\)"):
        find_file(_ID, "other.txt")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    hub.requests.clear()
    assert _is_itself() and find_file(_ID, "other.txt") is None and not hub.requests


def test_a_directory_is_looked_into(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").touch()
    assert find_file(str(tmp_path), "vocab.json") == tmp_path / "vocab.json"
    assert find_file(str(tmp_path), "results.json") is None
    assert find_file(str(tmp_path / "vocab.json"), "vocab.json") is None

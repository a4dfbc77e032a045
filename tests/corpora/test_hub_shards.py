"""Shards in a repository of the Hub, read in parts where they are, through the real client and a stand-in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub.away import come_here
from hub.server import Hub, Repository, User, serve
from huggingface_hub import HfFileSystem
from huggingface_hub.utils import close_session

from hf_speech_tl.corpora import expect, load_corpus, pulses, remote, shard_name
from hf_speech_tl.errors import DataError, RunError, SettingsError


@pytest.fixture
def hub(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """One that has them at the top of ana/spoken, and in a folder of ana/several, which is hidden."""
    monkeypatch.setattr(remote, "_WAITS", (0.0, 0.0))
    monkeypatch.setattr(remote, "_PIECES", remote._Pieces())
    files = {path.name: path.read_bytes() for path in shards.iterdir()}
    readme = {"README.md": b"---\nlicense: mit\n---\n"}
    with serve({"ana-reads": User("ana", "read")}) as running:
        running.repositories["datasets/ana/spoken"] = Repository(files=files | readme)
        several = {f"it/{name}": content for name, content in files.items()}
        running.repositories["datasets/ana/several"] = Repository(True, several | readme)
        come_here(running, tmp_path / "cache", monkeypatch)
        remote._opened.cache_clear()
        HfFileSystem.clear_instance_cache()
        yield running
    remote._opened.cache_clear()
    HfFileSystem.clear_instance_cache()
    close_session()


def _of_shards(hub: Hub) -> list[str]:
    return [line for line in hub.requests if re.search(r"GET .*resolve.*train-", line)]


@pytest.mark.parametrize("source", ["hub:ana/spoken", "hf://datasets/ana/spoken"])
def test_it_is_the_same_corpus_as_on_the_disk_and_nothing_is_downloaded(hub: Hub, shards: Path, source: str) -> None:
    far, near = load_corpus([source], "en"), load_corpus([str(shards)], "en")
    assert far.fingerprint == near.fingerprint
    assert far.names == ("hub:ana/spoken",)
    assert not _of_shards(hub)
    expect(far.train, range(len(far.train)))
    for one, other in zip(far.train, near.train, strict=True):
        assert pulses(one["audio"]).tobytes() == pulses(other["audio"]).tobytes()
    assert len(_of_shards(hub)) == 2
    assert not hub.unknown


def test_a_folder_of_a_repository_that_a_token_opens(hub: Hub, shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="no such dataset, or it is private"):
        load_corpus(["hub:ana/several:it"], "en")
    monkeypatch.setenv("HF_TOKEN", "ana-reads")
    HfFileSystem.clear_instance_cache()
    remote._opened.cache_clear()
    corpus = load_corpus(["hub:ana/several:it"], "en")
    assert corpus.fingerprint == load_corpus([str(shards)], "en").fingerprint
    assert len(pulses(corpus.train[0]["audio"])) == 8_000


def test_what_is_not_there(hub: Hub) -> None:
    # The Hub does not say of what is hidden whether it exists.
    with pytest.raises(DataError, match=r"shards.json: may not be read \(it answered 401\).*hf auth login"):
        load_corpus(["hf://datasets/ana/nothing"], "en")
    with pytest.raises(DataError, match=r"shards.json: is not there, or hidden from you"):
        load_corpus(["hf://datasets/ana/spoken/nowhere"], "en")


def test_a_shard_that_goes_while_it_is_read(hub: Hub) -> None:
    corpus = load_corpus(["hub:ana/spoken"], "en")
    del hub.repositories["datasets/ana/spoken"].files[shard_name("train", 0, 2)]
    with pytest.raises((RunError, DataError), match=r"train-00000-of-00002\.parquet: is not there"):
        pulses(corpus.train[0]["audio"])

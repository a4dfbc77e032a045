"""hub.py against a stand-in for the Hub's listing and file routes, through the real huggingface_hub client."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hub.away import come_here
from hub.faults import BROKEN, EXPIRED, RATE_LIMIT, SERVER_ERROR, Fault
from hub.server import Hub, Repository, serve
from huggingface_hub import constants

from hf_speech_tl.corpora import load_corpus
from hf_speech_tl.errors import DataError, SettingsError

Voice = Callable[..., bytes]


def _parquet(voice: Voice, seeds: range) -> bytes:
    cells = [{"bytes": voice(seed, 0.5), "path": f"{seed}.wav"} for seed in seeds]
    file = io.BytesIO()
    pq.write_table(pa.table({"audio": cells, "transcription": [f"text {seed}" for seed in seeds]}), file)
    return file.getvalue()


@pytest.fixture()
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, voice: Voice) -> Iterator[Hub]:
    readme = b"---\nlicense: cc-by-4.0\n---\n# A corpus\n"
    splits = {"train": range(0, 4), "validation": range(4, 6), "test": range(6, 8)}
    repositories = {
        "owner/plain": Repository(
            files={"README.md": readme}
            | {f"data/{name}-00000-of-00001.parquet": _parquet(voice, seeds) for name, seeds in splits.items()},
        ),
        "google/fleurs": Repository(
            files={"README.md": readme, "fleurs.py": b"a loading script"},
            refs={
                "refs/convert/parquet": {
                    f"{config}/{name}/0000.parquet": _parquet(voice, seeds)
                    for config in ("cmn_hans_cn", "it_it")
                    for name, seeds in splits.items()
                }
            },
        ),
        "owner/scripts": Repository(files={"README.md": readme, "load.py": b""}),
    }
    with serve({}) as running:
        running.repositories = {f"datasets/{name}": repository for name, repository in repositories.items()}
        come_here(running, tmp_path / "cache", monkeypatch)
        yield running


def test_parquet_files_on_main(hub: Hub) -> None:
    corpus = load_corpus(["hub:owner/plain"], "en")
    assert (len(corpus.train), len(corpus.validation), len(corpus.test)) == (4, 2, 2)
    assert corpus.test["text"][:] == ["text 6", "text 7"]
    assert corpus.licenses == ("cc-by-4.0",)
    assert corpus.names == ("hub:owner/plain",)


def test_fleurs_comes_from_what_the_hub_converted(hub: Hub) -> None:
    hub.repositories["datasets/google/fleurs"].refs["refs/convert/parquet"]["it_it/train/0000.parquet"] = (
        b"never asked for"
    )
    corpus = load_corpus(["fleurs"], "zh")
    assert (len(corpus.train), len(corpus.validation), len(corpus.test)) == (4, 2, 2)
    assert corpus.names == ("fleurs",)


def test_what_was_fetched_once_is_read_offline(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_corpus(["fleurs"], "zh").fingerprint
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert load_corpus(["fleurs"], "zh").fingerprint == first
    with pytest.raises(DataError, match="not in the cache whole"):
        load_corpus(["fleurs"], "it")


def test_a_configuration_must_be_named_where_there_are_several(hub: Hub) -> None:
    with pytest.raises(SettingsError, match="CONFIG is one of cmn_hans_cn, it_it"):
        load_corpus(["hub:google/fleurs"], "zh")
    with pytest.raises(SettingsError, match=r"Did you mean hub:google/fleurs:it_it\?"):
        load_corpus(["hub:google/fleurs:it_itt"], "zh")
    assert len(load_corpus(["hub:google/fleurs:it_it"], "it").train) == 4


def test_what_the_hub_does_not_have(hub: Hub) -> None:
    with pytest.raises(DataError, match="has no Parquet files"):
        load_corpus(["hub:owner/scripts"], "en")
    with pytest.raises(SettingsError, match="no such dataset"):
        load_corpus(["hub:owner/nothing"], "en")


def test_without_a_network_it_says_what_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    for offline, endpoint in ((True, constants.ENDPOINT), (False, "http://127.0.0.1:9")):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        with pytest.raises(
            DataError, match=r"needs a network.*--data starter or a folder of recordings works offline"
        ) as caught:
            load_corpus(["fleurs"], "zh")
        assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("fault", [SERVER_ERROR, RATE_LIMIT, BROKEN, EXPIRED], ids=["500", "429", "breaks", "expired"])
def test_every_fault_at_every_request_of_a_download(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault, lasting: bool
) -> None:
    for module in ("utils._http", "file_download"):
        monkeypatch.setattr(f"huggingface_hub.{module}.time", SimpleNamespace(sleep=lambda _: None))
    wanted = load_corpus(["fleurs"], "zh").fingerprint
    survived, told = [], []
    for first in itertools.count(1):
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / f"cache {first}"))
        hub.requests.clear()
        hub.inject(fault, lambda number, first=first: number >= first if lasting else number == first)
        try:
            assert load_corpus(["fleurs"], "zh").fingerprint == wanted
            survived.append(first)
        except (DataError, SettingsError) as error:
            told.append(str(error))
            assert "\n" not in told[-1]
            assert (f"it answered {fault.status}" in told[-1]) == (fault.status is not None)
        if len([asked for asked in hub.requests if "agent-harnesses" not in asked]) < first:
            break
        hub.mend()
        assert load_corpus(["fleurs"], "zh").fingerprint == wanted
    print(f"{first - 1} requests, {len(survived) - 1} survived, {len(told)} told")  # pytest -rP shows it

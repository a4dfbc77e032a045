"""What others get of the stand-in, through the real client: whole and in parts, by revision, hidden and listed."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

from hub.faults import BROKEN
from hub.server import Hub, Repository

Client = Callable[[str | bool], HfApi]
_WEIGHTS = bytes(range(256)) * 4000


def _get(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, headers=headers)) as answer:
        return answer.status, dict(answer.headers), answer.read()


def test_a_range_is_a_part_of_the_file(hub: Hub) -> None:
    hub.repositories["ana/model"] = Repository(files={"pytorch_model.bin": _WEIGHTS})
    url = f"{hub.url}/ana/model/resolve/main/pytorch_model.bin"
    status, headers, content = _get(url, Range="bytes=1000-1009")
    assert (status, content) == (206, _WEIGHTS[1000:1010])
    assert headers["Content-Range"] == f"bytes 1000-1009/{len(_WEIGHTS)}"
    assert _get(url, Range=f"bytes={len(_WEIGHTS) - 5}-")[2] == _WEIGHTS[-5:]


def test_a_download_that_breaks_goes_on_where_it_was(
    hub: Hub, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time", SimpleNamespace(sleep=lambda _: None))
    hub.repositories["ana/model"] = Repository(files={"model.safetensors": _WEIGHTS})
    name = "/ana/model/resolve/main/model.safetensors"
    hub.inject(BROKEN, lambda number: number == 2)  # the first asks how large it is
    got = client(False).hf_hub_download("ana/model", "model.safetensors", cache_dir=tmp_path)
    assert Path(got).read_bytes() == _WEIGHTS
    assert [asked.split()[0] for asked in hub.requests if asked.endswith("model.safetensors")] == ["HEAD", "GET", "GET"]
    assert name in hub.requests[-2]


def test_a_pull_request_is_a_revision_beside_main(hub: Hub, client: Client, tmp_path: Path) -> None:
    hub.repositories["ana/model"] = Repository(files={"config.json": b"{}"})
    added = [CommitOperationAdd("model.safetensors", _WEIGHTS)]
    commit = client("bo-writes").create_commit("ana/model", added, commit_message="add", create_pr=True)
    assert commit.pr_revision == "refs/pr/1"
    refs = client(False).list_repo_refs("ana/model", include_pull_requests=True)
    assert [ref.ref for ref in refs.pull_requests or []] == ["refs/pr/1"]
    assert [file.path for file in client(False).list_repo_tree("ana/model")] == ["config.json"]
    got = client(False).hf_hub_download("ana/model", "model.safetensors", revision="refs/pr/1", cache_dir=tmp_path)
    assert Path(got).read_bytes() == _WEIGHTS and commit.oid in got
    with pytest.raises(RevisionNotFoundError):
        client(False).model_info("ana/model", revision="refs/pr/2")


def test_data_sets_are_apart_from_models_and_may_be_hidden(hub: Hub, client: Client, tmp_path: Path) -> None:
    hub.repositories["datasets/ana/words"] = Repository(private=True, files={"README.md": b"words"})
    got = client("ana-reads").hf_hub_download("ana/words", "README.md", repo_type="dataset", cache_dir=tmp_path)
    assert Path(got).read_bytes() == b"words"
    assert client("ana-reads").dataset_info("ana/words").private
    for token, kind in (("bo-writes", "dataset"), (False, "dataset"), ("ana-writes", "model")):
        with pytest.raises(RepositoryNotFoundError):
            client(token).repo_info("ana/words", repo_type=kind)


def test_converted_data_sets_are_listed_with_their_files(hub: Hub) -> None:
    converted = {f"{config}/test/0000.parquet": config.encode() for config in ("it_it", "cmn_hans_cn")}
    hub.repositories["datasets/google/fleurs"] = Repository(refs={"refs/convert/parquet": converted})
    listed = json.loads(_get(f"{hub.url}/api/datasets/google/fleurs/parquet")[2])
    assert listed.keys() == {"it_it", "cmn_hans_cn"}
    (address,) = listed["it_it"]["test"]
    assert _get(address)[2] == b"it_it"

from __future__ import annotations

import base64
import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RepositoryNotFoundError

from hub.server import Hub, Repository

_WEIGHTS = bytes(range(256)) * 4000


def _additions() -> list[CommitOperationAdd]:
    return [CommitOperationAdd("model.safetensors", _WEIGHTS), CommitOperationAdd("config.json", b'{"a": 1}')]


def test_what_is_committed_is_downloaded_again(hub: Hub, client: Callable[[str | bool], HfApi], tmp_path: Path) -> None:
    ana = client("ana-writes")
    assert ana.whoami()["name"] == "ana"
    assert ana.create_repo("ana/model") == f"{hub.url}/ana/model"
    commit = ana.create_commit("ana/model", _additions(), commit_message="first")

    weights = client(False).hf_hub_download("ana/model", "model.safetensors", cache_dir=tmp_path)
    assert Path(weights).read_bytes() == _WEIGHTS
    assert commit.oid in weights
    config = client(False).hf_hub_download("ana/model", "config.json", revision=commit.oid, cache_dir=tmp_path)
    assert Path(config).read_bytes() == b'{"a": 1}'
    assert hub.repositories["ana/model"].commits == ["first"]


def test_an_unchanged_commit_is_none(hub: Hub, client: Callable[[str | bool], HfApi]) -> None:
    ana = client("ana-writes")
    ana.create_repo("ana/model")
    for _ in range(2):
        ana.create_commit("ana/model", _additions(), commit_message="again")
    assert hub.repositories["ana/model"].commits == ["again"]
    assert sum(request.startswith("PUT /lfs/") for request in hub.requests) == 1


def test_etags_are_those_of_git_and_of_large_files(hub: Hub, client: Callable[[str | bool], HfApi]) -> None:
    ana = client("ana-writes")
    ana.create_repo("ana/model")
    ana.create_commit("ana/model", _additions(), commit_message="first")
    url = hf_hub_url("ana/model", "model.safetensors", endpoint=hub.url)
    large = ana.get_hf_file_metadata(url=url)
    assert (large.etag, large.size) == (hashlib.sha256(_WEIGHTS).hexdigest(), len(_WEIGHTS))
    small = ana.get_hf_file_metadata(url=hf_hub_url("ana/model", "config.json", endpoint=hub.url))
    assert small.etag == hashlib.sha1(b'blob 8\0{"a": 1}').hexdigest()


def test_the_tree_tells_large_files_from_small_ones(hub: Hub, client: Callable[[str | bool], HfApi]) -> None:
    hub.repositories["ana/model"] = Repository(files={"adapter/x.safetensors": b"12", "config.json": b"{}"})
    tree = {file.path: file for file in client(False).list_repo_tree("ana/model", recursive=True)}
    assert tree["adapter/x.safetensors"].lfs.sha256 == hashlib.sha256(b"12").hexdigest()
    assert tree["config.json"].lfs is None
    assert [file.path for file in client(False).list_repo_tree("ana/model", "adapter")] == ["adapter/x.safetensors"]
    assert client(False).model_info("ana/model").sha == hub.repositories["ana/model"].sha()


@pytest.mark.parametrize(
    ("token", "repo_id", "status"),
    [
        (False, "ana/model", 401),
        ("nobody", "ana/model", 401),
        ("bo-writes", "ana/model", 403),
        ("ana-reads", "ana/model", 403),
        ("ana-writes", "ana/missing", 404),
        ("bo-writes", "ana/hidden", 404),
    ],
)
def test_commits_are_refused_as_the_hub_refuses_them(
    hub: Hub, client: Callable[[str | bool], HfApi], token: str | bool, repo_id: str, status: int
) -> None:
    hub.repositories |= {"ana/model": Repository(), "ana/hidden": Repository(private=True)}
    with pytest.raises(HfHubHTTPError) as refusal:
        client(token).create_commit(repo_id, _additions(), commit_message="no")
    assert refusal.value.response.status_code == status
    assert not any(repository.commits for repository in hub.repositories.values())


@pytest.mark.parametrize(("token", "status"), [(False, 401), ("bo-writes", 403), ("ana-reads", 403)])
def test_repositories_are_made_by_their_owner_only(
    hub: Hub, client: Callable[[str | bool], HfApi], token: str | bool, status: int
) -> None:
    with pytest.raises(HfHubHTTPError) as refusal:
        client(token).create_repo("ana/model")
    assert refusal.value.response.status_code == status
    assert not hub.repositories


def test_private_repositories_are_for_their_owner(
    hub: Hub, client: Callable[[str | bool], HfApi], tmp_path: Path
) -> None:
    client("ana-writes").create_repo("ana/model", private=True)
    client("ana-writes").create_commit("ana/model", _additions(), commit_message="first")
    assert client("ana-reads").model_info("ana/model").private
    with pytest.raises(RepositoryNotFoundError):
        client("bo-writes").model_info("ana/model")
    with pytest.raises(RepositoryNotFoundError):
        client("bo-writes").hf_hub_download("ana/model", "config.json", cache_dir=tmp_path)


def test_a_missing_file_is_named_as_such(hub: Hub, client: Callable[[str | bool], HfApi], tmp_path: Path) -> None:
    hub.repositories["ana/model"] = Repository()
    with pytest.raises(EntryNotFoundError):
        client(False).hf_hub_download("ana/model", "vocab.json", cache_dir=tmp_path)


def test_content_other_than_announced_is_not_stored(hub: Hub) -> None:
    request = urllib.request.Request(f"{hub.url}/lfs/{'0' * 64}", data=b"other", method="PUT")
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request)
    assert refusal.value.code == 400
    assert not hub.objects


def test_a_commit_is_taken_whole_or_not_at_all(hub: Hub) -> None:
    hub.repositories["ana/model"] = Repository()
    small = {"key": "file", "value": {"path": "a.txt", "content": base64.b64encode(b"a").decode()}}
    never_sent = {"key": "lfsFile", "value": {"path": "model.safetensors", "oid": "0" * 64}}
    lines = [{"key": "header", "value": {"summary": "half"}}, small, never_sent]
    request = urllib.request.Request(
        f"{hub.url}/api/models/ana/model/commit/main",
        data="\n".join(json.dumps(line) for line in lines).encode(),
        headers={"Authorization": "Bearer ana-writes"},
    )
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request)
    assert refusal.value.code == 400
    assert not hub.repositories["ana/model"].files

"""hub.py against a stand-in for the Hub's listing and file routes, through the real huggingface_hub client."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants

from hf_speech_tl.corpora import load_corpus
from hf_speech_tl.errors import DataError, SettingsError

Voice = Callable[..., bytes]
Repositories = dict[str, dict[str, dict[str, bytes]]]  # by name, by revision, by path


class _Handler(BaseHTTPRequestHandler):
    repositories: Repositories

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        parts = parts[1:] if parts[0] == "api" else parts
        revisions = self.repositories.get("/".join(parts[1:3]))
        if revisions is None:
            return self._send(b"{}", 404, {"X-Error-Code": "RepoNotFound"})
        rest = "/".join(parts[4:])
        known = {hashlib.sha1(name.encode()).hexdigest(): name for name in revisions} | {
            name: name for name in revisions
        }
        revision = next((name for name in known if rest == name or rest.startswith(f"{name}/")), None)
        if revision is None:
            return self._send(b"{}", 404, {"X-Error-Code": "RevisionNotFound"})
        sha = hashlib.sha1(known[revision].encode()).hexdigest()
        files = revisions[known[revision]]
        if parts[3] == "revision":
            return self._send(json.dumps({"id": "/".join(parts[1:3]), "sha": sha}).encode())
        if parts[3] == "tree":
            listed = [
                {"type": "file", "path": path, "size": len(data), "oid": _etag(data)} for path, data in files.items()
            ]
            return self._send(json.dumps(listed).encode())
        data = files.get(rest.removeprefix(f"{revision}/"))
        if data is None:
            return self._send(b"{}", 404, {"X-Error-Code": "EntryNotFound"})
        return self._send(data, 200, {"ETag": f'"{_etag(data)}"', "X-Repo-Commit": sha})

    do_HEAD = do_GET

    def _send(self, data: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)


def _etag(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def _parquet(voice: Voice, seeds: range) -> bytes:
    cells = [{"bytes": voice(seed, 0.5), "path": f"{seed}.wav"} for seed in seeds]
    file = io.BytesIO()
    pq.write_table(pa.table({"audio": cells, "transcription": [f"text {seed}" for seed in seeds]}), file)
    return file.getvalue()


@pytest.fixture()
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, voice: Voice) -> Iterator[Repositories]:
    readme = b"---\nlicense: cc-by-4.0\n---\n# A corpus\n"
    splits = {"train": range(0, 4), "validation": range(4, 6), "test": range(6, 8)}
    repositories: Repositories = {
        "owner/plain": {
            "main": {"README.md": readme}
            | {f"data/{name}-00000-of-00001.parquet": _parquet(voice, seeds) for name, seeds in splits.items()},
        },
        "google/fleurs": {
            "main": {"README.md": readme, "fleurs.py": b"a loading script"},
            "refs/convert/parquet": {
                f"{config}/{name}/0000.parquet": _parquet(voice, seeds)
                for config in ("cmn_hans_cn", "it_it")
                for name, seeds in splits.items()
            },
        },
        "owner/scripts": {"main": {"README.md": readme, "load.py": b""}},
    }
    handler = type("Handler", (_Handler,), {"repositories": repositories})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    yield repositories
    server.shutdown()
    server.server_close()
    thread.join()


def test_parquet_files_on_main(hub: Repositories) -> None:
    corpus = load_corpus(["hub:owner/plain"], "en")
    assert (len(corpus.train), len(corpus.validation), len(corpus.test)) == (4, 2, 2)
    assert corpus.test["text"][:] == ["text 6", "text 7"]
    assert corpus.license == "cc-by-4.0"
    assert corpus.names == ("hub:owner/plain",)


def test_fleurs_comes_from_what_the_hub_converted(hub: Repositories) -> None:
    hub["google/fleurs"]["refs/convert/parquet"]["it_it/train/0000.parquet"] = b"never asked for"
    corpus = load_corpus(["fleurs"], "zh")
    assert (len(corpus.train), len(corpus.validation), len(corpus.test)) == (4, 2, 2)
    assert corpus.names == ("fleurs",)


def test_what_was_fetched_once_is_read_offline(hub: Repositories, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_corpus(["fleurs"], "zh").fingerprint
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert load_corpus(["fleurs"], "zh").fingerprint == first
    with pytest.raises(DataError, match="not in the cache whole"):
        load_corpus(["fleurs"], "it")


def test_a_configuration_must_be_named_where_there_are_several(hub: Repositories) -> None:
    with pytest.raises(SettingsError, match="CONFIG is one of cmn_hans_cn, it_it"):
        load_corpus(["hub:google/fleurs"], "zh")
    with pytest.raises(SettingsError, match=r"Did you mean hub:google/fleurs:it_it\?"):
        load_corpus(["hub:google/fleurs:it_itt"], "zh")
    assert len(load_corpus(["hub:google/fleurs:it_it"], "it").train) == 4


def test_what_the_hub_does_not_have(hub: Repositories) -> None:
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

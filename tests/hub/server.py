"""The part of the Hugging Face Hub's HTTP interface that pushing and loading a model uses, in memory, on loopback.

The real huggingface_hub client talks to it through HF_ENDPOINT (or `HfApi(endpoint=...)`), with HF_HUB_DISABLE_XET=1:
the Xet route would ask for a content-addressed store. It refuses what the Hub refuses: no or a wrong token (401),
another owner's repository and a token that only reads (403), what is not there (404), metadata that is no YAML (400).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import yaml

# The Hub decides by .gitattributes and by size; these are its defaults for a new model.
_LFS_SUFFIXES = (".safetensors", ".bin", ".pt")
_LFS_BYTES = 10_000_000
_METADATA = re.compile(r"\A---\n(.*?)\n---(\n|\Z)", re.DOTALL)


@dataclass(frozen=True)
class User:
    """Who a token belongs to, and whether it may write."""

    name: str
    role: str = "write"


@dataclass
class Repository:
    """A model repository: the files of its only branch, and the summaries of its commits."""

    private: bool = False
    files: dict[str, bytes] = field(default_factory=dict, repr=False)
    large: set[str] = field(default_factory=set)
    commits: list[str] = field(default_factory=list)

    @property
    def sha(self) -> str:
        """The id of the last commit."""
        return hashlib.sha1("\n".join(["init", *self.commits]).encode()).hexdigest()


@dataclass
class Hub:
    """What the stand-in holds: `users` by token, `repositories` by id, and every request as "METHOD path"."""

    users: dict[str, User]
    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict, repr=False)


@contextmanager
def serve(users: dict[str, User]) -> Iterator[Hub]:
    """A running stand-in on a free port of the loopback interface."""
    hub = Hub(users)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Refusal(Exception):
    def __init__(self, status: int, error: str, code: str | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.code = status, error, code


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Quiet: a test says what it expects of the requests."""

    def do_GET(self) -> None:
        self._handle()

    do_HEAD = do_POST = do_PUT = do_GET

    def _handle(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        body = self._body()
        try:
            for pattern, answer in _ROUTES.items():
                if match := re.fullmatch(pattern, f"{'GET' if self.command == 'HEAD' else self.command} {path}"):
                    answer(self, body, **match.groupdict())
                    return
            raise _Refusal(404, f"the stand-in does not know {self.command} {path}")
        except _Refusal as refusal:
            headers = {"X-Error-Message": refusal.error}
            if refusal.code:
                headers["X-Error-Code"] = refusal.code
            self._send({"error": refusal.error}, status=refusal.status, headers=headers)

    def _body(self) -> bytes:
        # The client sends files without saying how long they are.
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, content: object, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Type", "application/octet-stream" if content is data else "application/json")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    # Who asks, and what they may see and change

    def _user(self) -> User | None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in self.hub.users:
            raise _Refusal(401, "Invalid credentials in Authorization header")
        return self.hub.users.get(token)

    def _logged_in(self) -> User:
        if (user := self._user()) is None:
            raise _Refusal(401, "Invalid username or password.")
        return user

    def _readable(self, repo_id: str) -> Repository:
        user = self._user()
        repository = self.hub.repositories.get(repo_id)
        owner = repo_id.partition("/")[0]
        if repository is None or (repository.private and (user is None or user.name != owner)):
            # The Hub does not say of what is hidden whether it exists.
            raise _Refusal(404 if user else 401, "Repository not found", "RepoNotFound")
        return repository

    def _writable(self, repo_id: str) -> Repository:
        user = self._logged_in()
        repository = self._readable(repo_id)
        if user.role != "write" or user.name != repo_id.partition("/")[0]:
            raise _Refusal(403, "Forbidden: pass `create_pr=1` as a query parameter to create a Pull Request")
        return repository

    # Answers

    def _whoami(self, _: bytes) -> None:
        user = self._logged_in()
        token = {"accessToken": {"displayName": "test", "role": user.role}}
        self._send({"type": "user", "name": user.name, "auth": token, "orgs": []})

    def _create(self, body: bytes) -> None:
        wanted, user = json.loads(body), self._logged_in()
        owner = wanted.get("organization") or user.name
        if owner != user.name or user.role != "write":
            raise _Refusal(403, f'You don\'t have the rights to create a model under the namespace "{owner}"')
        repo_id = f"{owner}/{wanted['name']}"
        url = f"{self.hub.url}/{repo_id}"
        if repo_id in self.hub.repositories:
            self._send({"error": "You already created this model repo", "url": url}, status=409)
            return
        self.hub.repositories[repo_id] = Repository(private=wanted.get("visibility") == "private")
        self._send({"url": url, "name": repo_id})

    def _validate(self, body: bytes) -> None:
        found = _METADATA.match(json.loads(body)["content"])
        try:
            metadata = yaml.safe_load(found[1]) if found else {}
        except yaml.YAMLError:
            metadata = None
        if isinstance(metadata, dict):
            self._send({"errors": [], "warnings": []})
        else:
            self._send({"errors": [{"message": "the metadata is not a YAML mapping"}], "warnings": []}, status=400)

    def _preupload(self, body: bytes, repo_id: str) -> None:
        repository = self._writable(repo_id)
        files = []
        for asked in json.loads(body)["files"]:
            large = asked["path"].endswith(_LFS_SUFFIXES) or asked["size"] > _LFS_BYTES
            known = repository.files.get(asked["path"])
            entry = {"path": asked["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
            files.append(entry if known is None else {**entry, "oid": _object_id(known, large)})
        self._send({"files": files})

    def _batch(self, body: bytes, repo_id: str) -> None:
        self._writable(repo_id)
        objects = []
        for asked in json.loads(body)["objects"]:
            oid = asked["oid"]
            upload = {"upload": {"href": f"{self.hub.url}/lfs/{oid}"}, "verify": {"href": f"{self.hub.url}/lfs-verify"}}
            objects.append({**asked, "actions": upload} if oid not in self.hub.objects else asked)
        self._send({"transfer": "basic", "objects": objects})

    def _store(self, body: bytes, oid: str) -> None:
        if hashlib.sha256(body).hexdigest() != oid:
            raise _Refusal(400, "the content does not have the sha256 that was announced")
        self.hub.objects[oid] = body
        self._send({})

    def _verify(self, body: bytes) -> None:
        if json.loads(body)["oid"] not in self.hub.objects:
            raise _Refusal(404, "object not found")
        self._send({})

    def _commit(self, body: bytes, repo_id: str) -> None:
        repository = self._writable(repo_id)
        summary = ""
        files: dict[str, bytes] = {}
        large: set[str] = set()
        for line in body.decode().splitlines():
            key, value = (item := json.loads(line))["key"], item["value"]
            if key == "header":
                summary = value["summary"]
            elif key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile" and value["oid"] in self.hub.objects:
                files[value["path"]] = self.hub.objects[value["oid"]]
                large.add(value["path"])
            else:
                # Nothing has been changed yet: a commit is taken whole or not at all.
                raise _Refusal(400, f"cannot commit {key} {value.get('path')}")
        repository.files |= files
        repository.large = (repository.large - files.keys()) | large
        repository.commits.append(summary)
        url = f"{self.hub.url}/{repo_id}/commit/{repository.sha}"
        self._send({"success": True, "commitOid": repository.sha, "commitUrl": url})

    def _info(self, _: bytes, repo_id: str) -> None:
        repository = self._readable(repo_id)
        siblings = [{"rfilename": path} for path in sorted(repository.files)]
        self._send({"id": repo_id, "sha": repository.sha, "private": repository.private, "siblings": siblings})

    def _tree(self, _: bytes, repo_id: str, folder: str | None) -> None:
        repository = self._readable(repo_id)
        entries = []
        for path, content in sorted(repository.files.items()):
            if folder and not path.startswith(f"{folder}/"):
                continue
            entry = {"type": "file", "path": path, "size": len(content), "oid": _object_id(content, large=False)}
            if path in repository.large:
                entry["lfs"] = {"oid": _object_id(content, large=True), "size": len(content), "pointerSize": 134}
            entries.append(entry)
        if folder and not entries:
            raise _Refusal(404, f"{folder} does not exist on main", "EntryNotFound")
        self._send(entries)

    def _resolve(self, _: bytes, repo_id: str, path: str) -> None:
        repository = self._readable(repo_id)
        if path not in repository.files:
            raise _Refusal(404, "Entry not found", "EntryNotFound")
        content = repository.files[path]
        etag = f'"{_object_id(content, path in repository.large)}"'
        self._send(content, headers={"ETag": etag, "X-Repo-Commit": repository.sha})


def _object_id(content: bytes, large: bool) -> str:
    if large:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


_ID = r"(?P<repo_id>[^/]+/[^/]+)"
_REVISION = r"(main|[0-9a-f]{40})"
_ROUTES = {
    r"GET /api/whoami-v2": _Handler._whoami,
    r"POST /api/repos/create": _Handler._create,
    r"POST /api/validate-yaml": _Handler._validate,
    rf"POST /api/models/{_ID}/preupload/main": _Handler._preupload,
    rf"POST /{_ID}\.git/info/lfs/objects/batch": _Handler._batch,
    r"PUT /lfs/(?P<oid>[0-9a-f]{64})": _Handler._store,
    r"POST /lfs-verify": _Handler._verify,
    rf"POST /api/models/{_ID}/commit/main": _Handler._commit,
    rf"GET /api/models/{_ID}(/revision/{_REVISION})?": _Handler._info,
    rf"GET /api/models/{_ID}/tree/{_REVISION}(/(?P<folder>.+))?": _Handler._tree,
    rf"GET /{_ID}/resolve/{_REVISION}/(?P<path>.+)": _Handler._resolve,
}

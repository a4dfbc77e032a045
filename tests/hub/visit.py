"""One request to the stand-in: how it is read, answered or broken off, who asks, and what they may see and change."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlsplit

from hub.faults import Fault
from hub.shelf import Files, Hub, Repository, User

_LOCK = threading.Lock()  # requests come on several connections at once, and are counted
# The client asks once a day which programs people drive it with; that is no part of what anybody wanted of it.
_APART = "GET /api/agent-harnesses"


class Refusal(Exception):
    """An answer that says no."""

    def __init__(self, status: int, error: str, code: str | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(error)
        self.status, self.error = status, error
        self.headers = {"X-Error-Message": error} | ({"X-Error-Code": code} if code else {}) | (headers or {})


class _Broken(Exception):
    """Half of what was sent has arrived, and no more comes."""


class Visit(BaseHTTPRequestHandler):
    """A connection to the stand-in; `body` and `query` are those of the request that is being answered."""

    hub: Hub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every answer waits 40 ms for the client to acknowledge its first line
    body: bytes
    query: dict[str, list[str]]
    _fault: Fault | None

    def log_message(self, *_: object) -> None:
        """Quiet: a test says what it expects of the requests."""

    def answer(self, path: str) -> None:
        """Answer a request to `path`, or raise Refusal; the server says how."""
        raise NotImplementedError

    def do_GET(self) -> None:
        """Answer, or let happen what a test wants to go wrong."""
        asked = urlsplit(self.path)
        path, self.query = unquote(asked.path), parse_qs(asked.query)
        with _LOCK:
            self.hub.requests.append(f"{self.command} {path}")
            self._fault = None if self.hub.requests[-1] == _APART else self.hub.next_fault()
        try:
            self.body = self._read()
            if self._fault and self._fault.status:
                raise Refusal(self._fault.status, self._fault.said, headers=self._fault.headers)
            self.answer(path)
        except Refusal as refusal:
            self.send({"error": refusal.error}, status=refusal.status, headers=refusal.headers)
        except _Broken:
            pass
        if self._fault and not self._fault.status:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    do_HEAD = do_POST = do_PUT = do_GET

    def _read(self) -> bytes:
        half = self._fault is not None and self._fault.is_halfway and self.command not in ("GET", "HEAD")
        # The client sends large files without saying how long they are.
        if self.headers.get("Transfer-Encoding") != "chunked":
            size = int(self.headers.get("Content-Length", 0))
            data = self.rfile.read(size // 2 if half else size)
        else:
            data = b"".join(self._chunks(half))
        if half:
            raise _Broken
        return data

    def _chunks(self, half: bool) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size // 2 if half else size)
            if half:
                return
            self.rfile.readline()
        self.rfile.readline()

    def send(self, content: object, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Answer with these bytes, of which a GET may ask for a range, or with JSON of anything else."""
        breaks = self._fault is not None and not self._fault.status
        if breaks and (self._fault.done or self.command == "HEAD"):
            return
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        more = {"Content-Type": "application/octet-stream" if content is data else "application/json"} | (headers or {})
        if status == 200 and (asked := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))):
            begin, end = int(asked[1]), int(asked[2] or len(data) - 1)
            if begin >= len(data):
                raise Refusal(416, "Range Not Satisfiable")
            status, more["Content-Range"] = 206, f"bytes {begin}-{min(end, len(data) - 1)}/{len(data)}"
            data = data[begin : end + 1]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[: len(data) // 2] if breaks else data)

    def user(self) -> User | None:
        """Whose token came with the request; None without any."""
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in self.hub.users:
            raise Refusal(401, "Invalid credentials in Authorization header")
        return self.hub.users.get(token)

    def logged_in(self) -> User:
        """As `user`, who must be somebody."""
        if (user := self.user()) is None:
            raise Refusal(401, "Invalid username or password.")
        return user

    def readable(self, repo_id: str) -> Repository:
        """The repository, for those who may see it."""
        user = self.user()
        repository = self.hub.repositories.get(repo_id)
        if repository is None or (repository.private and (user is None or user.name != owner(repo_id))):
            # The Hub does not say of what is hidden whether it exists.
            raise Refusal(404 if user else 401, "Repository not found", "RepoNotFound")
        return repository

    def files(self, repo_id: str, revision: str | None) -> tuple[Files, str]:
        """The files of a revision, by default main, and the id of its last commit."""
        repository = self.readable(repo_id)
        if (name := repository.find(revision or "main")) is None:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return repository.revisions[name], repository.sha(name)

    def writable(self, repo_id: str) -> Repository:
        """The repository, for its owner with a token that writes."""
        user = self.logged_in()
        repository = self.readable(repo_id)
        if user.role != "write" or (user.name != owner(repo_id) and "create_pr" not in self.query):
            raise Refusal(403, "Forbidden: pass `create_pr=1` as a query parameter to create a Pull Request")
        return repository


def owner(repo_id: str) -> str:
    """Whose repository that is."""
    return repo_id.removeprefix("datasets/").partition("/")[0]

"""The part of the Hub's HTTP interface by which datasets are listed and fetched, in memory, on loopback."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

Repositories = dict[str, dict[str, dict[str, bytes]]]  # by name, by revision, by path


@contextmanager
def serve_datasets(repositories: Repositories) -> Iterator[str]:
    """A running stand-in on a free port of the loopback interface; gives its URL."""
    handler = type("Handler", (_Handler,), {"repositories": repositories})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


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
        if len(parts) == 3:
            parts += ["revision", "main"]  # as the Hub, where none is named
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

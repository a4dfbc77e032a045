"""A folder on a web server of this machine that gives parts of files, and does what a test wants to go wrong."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote


@dataclass
class Served:
    """url: of the folder. asked: each request as "METHOD name begin-end", in the order of arrival.

    statuses: what requests that match a pattern are answered, so many times (the pattern, the status, how often).
    parts: whether it gives parts of files.
    """

    folder: Path
    url: str = ""
    asked: list[str] = field(default_factory=list)
    statuses: list[tuple[str, int, int]] = field(default_factory=list)
    parts: bool = True

    def fails(self, pattern: str, status: int, times: int = 1_000_000) -> None:
        """From now on, answer this often with this status; 0 breaks the connection."""
        self.statuses.insert(0, (pattern, status, times))

    def fault(self, request: str) -> int | None:
        for at, (pattern, status, times) in enumerate(self.statuses):
            if times and re.search(pattern, request):
                self.statuses[at] = (pattern, status, times - 1)
                return status
        return None


class _Handler(BaseHTTPRequestHandler):
    served: Served
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = unquote(self.path).removeprefix("/")
        part = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        request = f"{self.command} {name}" + (f" {part[1]}-{part[2]}" if part else "")
        self.served.asked.append(request)
        path = self.served.folder / name
        status = self.served.fault(request)
        if status == 0:
            self.close_connection = True
            return
        content = path.read_bytes() if path.is_file() else b""
        if status or not path.is_file():
            self._send(status or 404, b"no", {})
        elif part and self.served.parts:
            begin, end = int(part[1]), int(part[2])
            if begin >= len(content):
                self._send(416, b"", {})
            else:
                place = f"bytes {begin}-{min(end, len(content) - 1)}/{len(content)}"
                self._send(206, content[begin : end + 1], {"Content-Range": place})
        else:
            self._send(200, content, {"Accept-Ranges": "bytes"} if self.served.parts else {})

    do_HEAD = do_GET

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve_folder(folder: Path) -> Iterator[Served]:
    """The folder on a free port of the loopback interface."""
    served = Served(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"served": served}))
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

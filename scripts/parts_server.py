"""A web server that gives parts of files, as Python's own does not: of a folder of shards, for measuring."""

from __future__ import annotations

import re
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import unquote


def handler_of(folder: Path, latency: float) -> type[BaseHTTPRequestHandler]:
    """Answers with the files below `folder`, each `latency` seconds late."""
    root = folder.resolve()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            time.sleep(latency)
            path = (root / unquote(self.path).lstrip("/")).resolve()
            if not path.is_relative_to(root) or not path.is_file():
                self.send_error(404)
                return
            size = path.stat().st_size
            part = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            begin, end = (int(part[1]), min(int(part[2]) + 1, size)) if part else (0, size)
            self.send_response(206 if part else 200)
            if part:
                self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{size}")
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(end - begin))
            self.end_headers()
            if self.command != "HEAD":
                with path.open("rb") as file:
                    file.seek(begin)
                    self.wfile.write(file.read(end - begin))

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    return Handler

"""A stand-in for the Hugging Face Hub, in memory, on loopback: what pushes and downloads of models and data use.

The real huggingface_hub client talks to it through HF_ENDPOINT (or `HfApi(endpoint=...)`), with HF_HUB_DISABLE_XET=1:
Xet is not emulated, which would ask for a content-addressed store; large files go the way of Git LFS, in one piece or,
where `Hub.part_size` says so, in parts. Files come from the Hub itself, where the real one redirects to a network of
caches. It refuses what the Hub refuses: no or a wrong token (401), another owner's repository and a token that only
reads (403), what is not there or hidden (404), metadata of a card that the Hub would not take (400). Faults are
injected with `Hub.inject`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

from hub import reading, writing
from hub.shelf import Hub, Repository, User
from hub.visit import Refusal, Visit

__all__ = ["Hub", "Repository", "User", "serve"]

_ROUTES = reading.ROUTES | writing.ROUTES


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


class _Handler(Visit):
    def answer(self, path: str) -> None:
        method = "GET" if self.command == "HEAD" else self.command
        for pattern, answer in _ROUTES.items():
            if match := re.fullmatch(pattern, f"{method} {path}"):
                answer(self, **match.groupdict())
                return
        self.hub.unknown.append(f"{self.command} {path}")
        raise Refusal(404, f"the stand-in does not know {self.command} {path}")

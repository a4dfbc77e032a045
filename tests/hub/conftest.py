"""The stand-in for the Hub, and clients of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.utils import close_session

from hub.away import come_here
from hub.server import Hub, User, serve


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A running stand-in that this process takes for the Hub."""
    with serve({"ana-writes": User("ana"), "ana-reads": User("ana", "read"), "bo-writes": User("bo")}) as running:
        come_here(running, tmp_path / "cache", monkeypatch)
        yield running
    close_session()


@pytest.fixture
def client(hub: Hub) -> Callable[[str | bool], HfApi]:
    """A client with a token, or False for none."""
    return lambda token: HfApi(endpoint=hub.url, token=token)

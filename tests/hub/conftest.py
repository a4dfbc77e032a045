"""The stand-in for the Hub, and clients of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from huggingface_hub import HfApi
from huggingface_hub.utils import close_session

from hub.server import Hub, User, serve


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A running stand-in that this process takes for the Hub."""
    # Both are read when huggingface_hub is imported, which another test may have done long before.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    close_session()
    with serve({"ana-writes": User("ana"), "ana-reads": User("ana", "read"), "bo-writes": User("bo")}) as running:
        # Whatever endpoint it is given, the client asks once which agents there are, and would ask the Hub itself.
        address = running.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", running.url)
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", address)
        yield running
    close_session()


@pytest.fixture
def client(hub: Hub) -> Callable[[str | bool], HfApi]:
    """A client with a token, or False for none."""
    return lambda token: HfApi(endpoint=hub.url, token=token)

"""Everything that can go wrong with a push, at each of its requests in turn: survived by the client, or told."""

from __future__ import annotations

import io
import itertools
import logging
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hub.faults import ANSWER_LOST, BROKEN, EXPIRED, NOT_YOURS, RATE_LIMIT, SERVER_ERROR, Fault
from hub.server import Hub

Push = Callable[..., "subprocess.CompletedProcess[str]"]
_TOKEN = "ana-writes"
_RETRIED = ("preupload", "/lfs/", "lfs-verify", "objects/batch")  # what huggingface_hub tries again by itself
_FILES = 11


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the client would have waited before it tried again."""
    waited: list[float] = []
    monkeypatch.setattr("huggingface_hub.utils._http.time", SimpleNamespace(sleep=waited.append))
    return waited


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """All that anybody logs, down to what is for those who look for errors."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    loggers = [logging.getLogger(name) for name in ("", "huggingface_hub", "httpx", "httpcore", "httpx2", "httpcore2")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    yield stream
    for logger, level in zip(loggers, levels, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)


def _is_whole(hub: Hub) -> bool:
    """Whether the repository has everything in one commit; it must have nothing otherwise."""
    repository = hub.repositories.get("ana/romanian")
    if repository is None or not repository.commits:
        assert repository is None or not repository.files
        return False
    assert len(repository.files) == _FILES and len(repository.commits) == 1
    return True


@pytest.mark.parametrize("part_size", [None, 1_000_000], ids=["in one piece", "in parts"])
def test_large_weights_arrive_whole_though_the_connection_breaks(
    hub: Hub, saved: Path, push: Push, waits: list[float], part_size: int | None
) -> None:
    hub.part_size = part_size
    weights = bytes(range(256)) * 12_345
    (saved / "model.safetensors").write_bytes(weights)
    (saved / "adapter" / "adapter_model.safetensors").unlink()
    hub.inject(BROKEN, lambda number: number == 6)  # after whoami, create, validate, preupload, batch
    assert push(saved, "romanian").returncode == 0
    assert hub.repositories["ana/romanian"].files["model.safetensors"] == weights
    sent = [request for request in hub.requests if request.startswith("PUT")]
    assert len(sent) == len(set(sent)) + 1 and waits == [1]


def test_what_a_proxy_repeats_of_a_request_is_told_without_the_token(hub: Hub, saved: Path, push: Push) -> None:
    hub.inject(Fault(403, f"blocked: POST, Authorization: Bearer {_TOKEN}"), lambda number: number > 1)
    done = push(saved, "romanian")
    assert done.returncode == 1 and "(403: blocked: POST, Authorization: Bearer [token])" in done.stdout
    assert "RunError" in done.stderr and _TOKEN not in done.stdout + done.stderr


@pytest.mark.parametrize("token", ["ana writes", "ana\x01writes", "ana\u2026writes"])
def test_a_token_that_cannot_be_one_is_refused_before_it_is_sent(hub: Hub, saved: Path, push: Push, token: str) -> None:
    done = push(saved, "romanian", token=token)
    assert done.returncode == 2 and "characters in it that no token has" in done.stdout
    assert token not in done.stdout + done.stderr and not hub.requests


@pytest.mark.slow
@pytest.mark.parametrize("part_size", [None, 4], ids=["in one piece", "in parts"])
@pytest.mark.parametrize(
    ("fault", "lasting"),
    [
        pytest.param(SERVER_ERROR, False, id="500 once"),
        pytest.param(SERVER_ERROR, True, id="500 for good"),
        pytest.param(RATE_LIMIT, False, id="429 once"),
        pytest.param(RATE_LIMIT, True, id="429 for good"),
        pytest.param(BROKEN, False, id="connection breaks once"),
        pytest.param(BROKEN, True, id="connection breaks for good"),
        pytest.param(ANSWER_LOST, False, id="answer lost once"),
        pytest.param(ANSWER_LOST, True, id="answers lost for good"),
        pytest.param(EXPIRED, True, id="token expires"),
        pytest.param(NOT_YOURS, True, id="repository of somebody else"),
    ],
)
def test_every_fault_at_every_request(
    hub: Hub,
    saved: Path,
    push: Push,
    waits: list[float],
    said: io.StringIO,
    capfd: pytest.CaptureFixture[str],
    fault: Fault,
    lasting: bool,
    part_size: int | None,
) -> None:
    before = {path: path.read_bytes() for path in saved.rglob("*") if path.is_file()}
    hub.part_size = part_size
    survived, told = [], []
    for first in itertools.count(1):
        for of_the_last in (hub.repositories, hub.requests, hub.objects, hub.parts, waits):
            of_the_last.clear()
        said.truncate(0)
        hub.inject(fault, lambda number, first=first: number >= first if lasting else number == first)
        done = push(saved, "romanian", private=True)
        asked = [request for request in hub.requests if "agent-harnesses" not in request]
        if len(asked) < first:
            break
        hub.mend()
        whole = _is_whole(hub)
        if done.returncode == 0:
            survived.append(asked[first - 1])
            assert whole and done.stdout == f"{hub.url}/ana/romanian\n"
            assert waits == [4 if fault is RATE_LIMIT else 1]
        else:
            told.append(asked[first - 1])
            (line,) = done.stdout.splitlines()
            later = f"`python -m hf_speech_tl.push {saved} romanian --private`"
            assert (done.returncode, line.partition(" ")[0]) == (1, "RunError:")
            assert line.endswith(f"; the model is safe in {saved}, and {later} pushes it")
            assert str(fault.status) in line if fault.status else "was not reached or did not answer" in line
            again = push(saved, "romanian", private=True)
            assert (again.returncode, again.stdout) == (0, f"{hub.url}/ana/romanian\n")
        assert _is_whole(hub) and hub.repositories["ana/romanian"].private
        assert {path: path.read_bytes() for path in saved.rglob("*") if path.is_file()} == before
        assert _TOKEN not in f"{done.stdout}{done.stderr}{said.getvalue()}{''.join(capfd.readouterr())}"
        files = hub.repositories["ana/romanian"].files
        assert not any(_TOKEN.encode() in content for content in files.values())
    print(f"{first - 1} requests, {len(survived)} survived, {len(told)} told")  # pytest -rP shows it
    assert not hub.unknown
    assert first - 1 == (11 if part_size is None else 15)
    transient = not lasting and fault.status not in (401, 403)
    assert all(any(part in request for part in _RETRIED) for request in survived)
    assert not transient or not any(any(part in request for part in _RETRIED) for request in told)

"""Shards at an address: read in parts, tried again, and told of in a line where that does not help."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from served import Served, serve_folder

from hf_speech_tl.corpora import (
    INDEX,
    expect,
    find_source,
    load_corpus,
    prepared,
    pulses,
    remote,
    shard_name,
    stop_fetching,
)
from hf_speech_tl.errors import DataError, RunError, SettingsError
from hf_speech_tl.languages import find_language

Voice = Callable[..., bytes]
FIRST = shard_name("train", 0, 2)


@pytest.fixture
def served(shards: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(remote, "_WAITS", (0.0, 0.0))
    monkeypatch.setattr(remote, "_PIECES", remote._Pieces())
    with serve_folder(shards) as running:
        yield running


def test_it_is_the_same_corpus_as_on_the_disk(served: Served) -> None:
    far, near = load_corpus([served.url], "en"), load_corpus([str(served.folder)], "en")
    assert far.fingerprint == near.fingerprint
    assert far.licenses == near.licenses
    for split in ("train", "validation", "test"):
        for one, other in zip(getattr(far, split), getattr(near, split), strict=True):
            assert pulses(one["audio"]).tobytes() == pulses(other["audio"]).tobytes()


def test_opening_reads_no_shard_and_the_second_time_only_the_list(served: Served) -> None:
    load_corpus([served.url], "en")
    assert {line for line in served.asked if not line.startswith("HEAD")} == {"GET shards.json", f"GET {INDEX}"}
    served.asked.clear()
    load_corpus([served.url], "en")
    assert served.asked == ["GET shards.json"]


def test_of_a_recording_its_own_bytes_are_read_and_of_expected_ones_their_row_group_once(served: Served) -> None:
    rows = load_corpus([served.url], "en").train
    audio = rows[1]["audio"]
    served.asked.clear()
    pulses(audio)
    assert served.asked == [f"GET {FIRST} {audio['start'] - 4}-{audio['start'] + audio['size'] - 1}"]
    served.asked.clear()
    expect(rows, [0, 1, 2, 3])
    for at in (3, 0, 2, 1, 3):
        pulses(rows[at]["audio"])
    assert served.asked == [f"GET {FIRST} {audio['begin']}-{audio['end'] - 1}"]


def test_no_more_is_kept_than_there_is_room_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = load_corpus([served.url], "en").train
    first, second = rows[0]["audio"], rows[6]["audio"]
    assert first["path"] != second["path"]
    monkeypatch.setattr(remote, "_ROOM", first["end"] - first["begin"] + 1)
    expect(rows, [0])
    pulses(first)
    expect(rows, [6])
    pulses(second)
    assert list(remote._PIECES._pieces) == [(second["path"], second["begin"], second["end"])]
    assert remote._PIECES._held == second["end"] - second["begin"]


@pytest.mark.parametrize("status", [500, 503, 429, 0])
def test_what_fails_for_a_moment_is_tried_again(served: Served, status: int) -> None:
    served.fails("", status, 2)
    rows = load_corpus([served.url], "en").train
    expect(rows, [0])
    served.fails("GET train", status, 2)
    assert len(pulses(rows[0]["audio"])) == 8_000


def test_a_server_that_is_gone_while_reading(served: Served) -> None:
    rows = load_corpus([served.url], "en").train
    served.fails("GET train", 500)
    with pytest.raises(RunError, match=rf"{FIRST}: cannot be read, after 3 tries .*it answered 500.*--resume goes on"):
        pulses(rows[0]["audio"])
    expect(rows, [0])
    with pytest.raises(RunError, match="it answered 500"):
        pulses(rows[0]["audio"])
    served.statuses.clear()
    expect(rows, [0])
    assert len(pulses(rows[0]["audio"])) == 8_000


def test_what_failed_ahead_in_an_outage_that_is_over_is_fetched_when_it_is_wanted(served: Served) -> None:
    rows = load_corpus([served.url], "en").train
    served.fails("GET train", 500, 3)
    expect(rows, [0])
    (ahead,) = remote._PIECES._pieces.values()
    assert ahead.exception(10)
    served.asked.clear()
    audio = rows[0]["audio"]
    assert len(pulses(audio)) == len(pulses(rows[1]["audio"])) == 8_000
    assert served.asked == [f"GET {FIRST} {audio['begin']}-{audio['end'] - 1}"]


def test_what_goes_for_want_of_room_while_it_is_waited_for_is_fetched_by_itself(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = load_corpus([served.url], "en").train
    monkeypatch.setattr(remote, "_ROOM", 1)
    monkeypatch.setattr(remote, "_THREADS", 0)  # so that nothing that is sent for comes
    expect(rows, [0])
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(pulses, rows[0]["audio"])
        time.sleep(0.2)
        assert not waiting.done()
        expect(rows, [6])
        assert len(waiting.result(10)) == 8_000


def test_who_waits_for_a_server_that_is_gone_is_woken_when_nothing_more_is_wanted(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = load_corpus([served.url], "en").train
    monkeypatch.setattr(remote, "_WAITS", (100.0,))
    served.fails("GET train", 500)
    expect(rows, range(7), alone=True)
    with ThreadPoolExecutor(7) as pool:
        waiting = [pool.submit(pulses, rows[at]["audio"]) for at in range(7)]
        time.sleep(0.2)
        stop_fetching()
        assert all(isinstance(one.exception(20), RunError) for one in waiting)
    assert not remote._PIECES._pieces and not remote._PIECES._held
    served.statuses.clear()
    expect(rows, [0])
    assert len(pulses(rows[0]["audio"])) == 8_000


def test_a_process_ends_with_its_last_line_whatever_is_on_its_way(served: Served) -> None:
    served.fails("GET train", 500)
    code = (
        "import sys; from hf_speech_tl.corpora import remote; "
        "remote.begin_to_fetch([remote.Span(sys.argv[1], at, at + 1) for at in range(40)]); print('ended')"
    )
    begun = [sys.executable, "-c", code, f"{served.url}/{FIRST}"]
    # To try one of them for the last time takes 31 s.
    ended = subprocess.run(begun, capture_output=True, text=True, timeout=25)
    assert (ended.returncode, ended.stdout) == (0, "ended\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_disk_that_is_full_is_no_fault_of_the_server(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "uuid", SimpleNamespace(uuid4=lambda: SimpleNamespace(hex="one")))
    cached = prepared._cached(prepared._listed(served.url), served.url)
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.with_suffix(".one.index").symlink_to("/dev/full")
    with pytest.raises(DataError, match=r"cannot take the index of .*No space left.*HF_DATASETS_CACHE"):
        load_corpus([served.url], "en")
    assert sum(line.startswith("GET index") for line in served.asked) == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "shards.json: is not there, or hidden from you"),
        (403, r"shards.json: may not be read \(it answered 403\)"),
        (401, r"shards.json: may not be read \(it answered 401\)"),
        (500, r"shards.json: cannot be read, after 3 tries in 0 s \(it answered 500\). Try again later"),
    ],
)
def test_an_address_that_does_not_answer_as_it_should(served: Served, status: int, said: str) -> None:
    served.fails("shards.json", status)
    with pytest.raises(DataError, match=said) as caught:
        load_corpus([served.url], "en")
    assert "\n" not in str(caught.value)


def test_nobody_listens(served: Served) -> None:
    with pytest.raises(DataError, match=r"shards.json: cannot be read, after 3 tries .*Connect"):
        load_corpus(["http://127.0.0.1:9/shards"], "en")


def test_a_shard_that_is_missing_or_cut_short_is_told_of_at_first(served: Served) -> None:
    os.truncate(served.folder / FIRST, 100)
    with pytest.raises(DataError, match=f"{FIRST} has 100 bytes, and shards.json says"):
        load_corpus([served.url], "en")
    (served.folder / FIRST).unlink()
    with pytest.raises(DataError, match=f"{FIRST}: is not there"):
        load_corpus([served.url], "en")


@pytest.mark.parametrize("left", [100, 30_000])
def test_a_shard_that_is_changed_while_it_is_read(served: Served, left: int) -> None:
    rows = load_corpus([served.url], "en").train
    os.truncate(served.folder / FIRST, left)
    with pytest.raises(RunError, match=f"{FIRST}: is not as the index of the shards says"):
        pulses(rows[3]["audio"])
    (served.folder / FIRST).write_bytes(bytes(1_000_000))
    with pytest.raises(RunError, match=f"{FIRST}: is not as the index of the shards says"):
        pulses(rows[3]["audio"])


def test_a_server_that_gives_no_parts(served: Served) -> None:
    served.parts = False
    rows = load_corpus([served.url], "en").train
    with pytest.raises(RunError, match="gives whole files and no parts"):
        pulses(rows[0]["audio"])


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("gopher2://host/x", "nothing here reads gopher2://; allowed: https://"),
        ("https://ana:secret@host/x", "a password, a query or a fragment"),
        ("https://host/x?token=secret", "a password, a query or a fragment"),
        ("s3://bucket/x", "wants the package s3fs; install it: pip install s3fs"),
    ],
)
def test_addresses_that_cannot_be(address: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=said) as caught:
        find_source(address, find_language("en"))
    assert "secret" not in str(caught.value)


def test_names_of_addresses() -> None:
    names = {
        "https://host/speech/italian/": "italian",
        "hf://datasets/ana/italian": "hub:ana/italian",
        "hf://datasets/ana/italian@v1": "hub:ana/italian",
        "hf://datasets/ana/italian/small": "small",
    }
    assert {address: find_source(address, find_language("en")).name for address in names} == names

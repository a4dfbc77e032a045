from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import datasets
import pytest

from hf_speech_tl.audio import BadAudio
from hf_speech_tl.corpora import files
from hf_speech_tl.corpora.files import File, look_at

FolderOf = Callable[[int], Path]
Voice = Callable[..., bytes]
_NAMES = [f"a{number}.wav" for number in range(4)]


# Which of them the pool has to kill is chance: often enough, some worker is among them.
_NOTED = """
import signal
from hf_speech_tl.corpora import files
signal.signal(signal.SIGTERM, lambda *_: None)
files._PROCESSES = 2
print(sum(len(list(files._in_processes(str, range(4)))) for _ in range(25)))
"""


@pytest.fixture(autouse=True)
def _worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hf_speech_tl.corpora.index._WORTH", 1)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of files of which the header is read, as that happens."""
    heard: list[str] = []
    read = files._read

    def watched(path: str, size: int) -> File:
        heard.append(Path(path).name)
        return read(path, size)

    monkeypatch.setattr(files, "_read", watched)
    yield heard


def _cached() -> list[Path]:
    return list((Path(datasets.config.HF_DATASETS_CACHE) / "hf_speech_tl").glob("*"))


def test_a_second_look_opens_only_what_changed(folder_of: FolderOf, voice: Voice, opened: list[str]) -> None:
    folder = folder_of(4)
    first = look_at(folder, _NAMES)
    assert sorted(opened) == _NAMES
    assert {file.seconds for file in first.values() if isinstance(file, File)} == {0.5}
    opened.clear()
    assert look_at(folder, _NAMES) == first
    assert opened == []
    (folder / "a1.wav").write_bytes(voice(9, 0.7))
    (folder / "a2.wav").write_bytes(voice(9, 0.5))  # of the same size
    os.utime(folder / "a2.wav", ns=(1, 1))
    again = look_at(folder, _NAMES)
    assert opened == ["a1.wav", "a2.wav"]
    assert isinstance(again["a1.wav"], File) and again["a1.wav"].seconds == 0.7
    assert again["a2.wav"] != first["a2.wav"] and again["a3.wav"] == first["a3.wav"]


def test_a_file_that_went_away_is_missed(folder_of: FolderOf) -> None:
    folder = folder_of(4)
    look_at(folder, _NAMES)
    (folder / "a0.wav").unlink()
    fault = look_at(folder, _NAMES)["a0.wav"]
    assert isinstance(fault, BadAudio) and fault.reason == "missing file"


@pytest.mark.parametrize("damage", [lambda content: content[:100], lambda content: b"", lambda content: b"no Arrow"])
def test_a_torn_index_is_written_anew(folder_of: FolderOf, damage: Callable[[bytes], bytes], opened: list[str]) -> None:
    folder = folder_of(4)
    first = look_at(folder, _NAMES)
    [cached] = _cached()
    cached.write_bytes(damage(cached.read_bytes()))
    opened.clear()
    assert look_at(folder, _NAMES) == first
    assert sorted(opened) == _NAMES
    opened.clear()
    assert look_at(folder, _NAMES) == first
    assert opened == []


def test_without_a_place_for_it_there_is_none(
    folder_of: FolderOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    found = look_at(folder_of(4), _NAMES)
    assert all(isinstance(file, File) for file in found.values())


def test_nothing_is_left_beside_the_index(folder_of: FolderOf) -> None:
    look_at(folder_of(4), _NAMES)
    assert [path.name.split(".", 1)[1] for path in _cached()] == ["index.arrow"]


def test_processes_find_what_threads_find(folder_of: FolderOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(4)
    (folder / "link.wav").symlink_to(folder / "a0.wav")
    (folder / "out.wav").symlink_to(tmp_path)
    names = [*_NAMES, "link.wav", "out.wav", "none.wav", "../corpus/a1.wav"]
    told: list[tuple[int, int]] = []
    in_threads = look_at(folder, names, lambda done, total: told.append((done, total)))
    for path in _cached():
        path.unlink()
    monkeypatch.setattr(files, "_MANY", 1)
    in_processes = look_at(folder, names)
    assert list(map(str, in_processes.values())) == list(map(str, in_threads.values()))
    assert isinstance(in_threads["link.wav"], File) and in_threads["link.wav"].path.endswith("a0.wav")
    assert [str(in_threads[name]).split(":")[0] for name in ("out.wav", "none.wav")] == [
        "outside the corpus folder",
        "missing file",
    ]
    assert told[-1] == (8, 8)


def test_processes_end_though_their_parent_takes_note_of_polite_kills() -> None:
    run = subprocess.run([sys.executable, "-c", _NOTED], check=True, capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == "100"

"""The recordings of a folder as files: where each truly lies, how long it is, and a hash that tells it from others.

Of a file only some kilobytes are read, and of one that was looked at before (index.py), nothing.
"""

from __future__ import annotations

import functools
import hashlib
import multiprocessing
import os
import stat
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeVar

from hf_speech_tl.audio import BadAudio, plain_header, read_header
from hf_speech_tl.corpora.index import Entry, Index

Progress: TypeAlias = Callable[[int, int], None]  # hears how many of how many are done
_Given = TypeVar("_Given")
_Got = TypeVar("_Got")

_PIECE = 2_048  # bytes
_TOGETHER = 256  # files a worker takes at once
_THREADS = 8  # for few files, whose headers wait for the disk more than for the processor
_MANY = 20_000  # files, from which on starting processes costs less than they save
_PROCESSES = 16


class File(NamedTuple):
    """A good recording: its path with all links followed, its length in seconds, its digest."""

    path: str
    seconds: float
    digest: str


class _State(NamedTuple):
    """What the file system says of a file that is no link; nothing of one that is, or is not there."""

    path: str
    size: int
    changed: int


def inside(folder: Path, name: str) -> Path:
    """The file that `name` means in `folder`. Raises BadAudio where it lies elsewhere, symbolic links followed."""
    try:
        path = Path(os.path.realpath(folder / name))
    except ValueError as error:
        raise BadAudio("missing file", str(error)) from None
    if not path.is_relative_to(os.path.realpath(folder)):
        raise BadAudio("outside the corpus folder", name)
    return path


def content_digest(read: Callable[[int, int], bytes], size: int) -> str:
    """A hash of a recording of `size` bytes, by its size and three pieces; `read(start, count)` gives bytes of it.

    It tells recordings apart. Damage elsewhere in the same one it does not see; decoding does.
    """
    if size <= 3 * _PIECE:
        return hashlib.blake2b(read(0, size), digest_size=16).hexdigest()
    state = hashlib.blake2b(b"%d" % size, digest_size=16)
    for start in (0, size // 2, size - _PIECE):
        state.update(read(start, _PIECE))
    return state.hexdigest()


def look_at(folder: Path, names: Collection[str], progress: Progress | None = None) -> dict[str, File | BadAudio]:
    """What there is to know of each of `names`, relative to `folder`; a fault where it cannot be used."""
    index = Index(folder)
    states = dict(zip(names, _in_threads(_Places(folder).state, list(names)), strict=True))
    found: dict[str, File | BadAudio] = {}
    for name, state in states.items():
        if state and (entry := index.known.get(state.path)) and entry[:2] == (state.size, state.changed):
            found[name] = File(state.path, *entry[2:])
    new = [name for name in states if name not in found]
    run = _in_processes if len(new) >= _MANY else _in_threads
    for name, file in zip(
        new, run(functools.partial(_look, folder), [(name, states[name]) for name in new]), strict=True
    ):
        found[name] = file
        if (state := states[name]) and isinstance(file, File):
            index.new[file.path] = Entry(state.size, state.changed, file.seconds, file.digest)
        if progress and (len(found) % _TOGETHER == 0 or len(found) == len(names)):
            progress(len(found), len(names))
    index.save()
    return found


class _Places:
    """Names in a folder to paths, following the links of each folder on the way once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._home = os.path.realpath(folder)
        self._inner = os.path.join(self._home, "")
        self._real = functools.cache(lambda parent: os.path.realpath(os.path.join(folder, parent)))

    def state(self, name: str) -> _State | None:
        """None where `inside` and read_header have to say what the name means, or what is wrong with it."""
        parent, last = os.path.split(name)
        if last in ("", os.curdir, os.pardir):
            return None
        try:
            path = os.path.join(self._real(parent), last)
            found = os.lstat(path)
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(found.st_mode) or not path.startswith(self._inner):
            return None
        return _State(path, found.st_size, found.st_mtime_ns)


def _look(folder: Path, named: tuple[str, _State | None]) -> File | BadAudio:
    name, state = named
    try:
        if state is not None:
            return _read(state.path, state.size)
        path = inside(folder, name)
        read_header(path)  # a link, or what is no file at all
        return _read(str(path), path.stat().st_size)
    except BadAudio as fault:
        return fault


def _read(path: str, size: int) -> File:
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise BadAudio("unreadable", error.strerror or str(error)) from None
    try:
        start = os.read(handle, 3 * _PIECE)

        def read(at: int, count: int) -> bytes:
            if at + count <= len(start) or len(start) == size:
                return start[at : at + count]
            os.lseek(handle, at, os.SEEK_SET)
            return os.read(handle, count)

        header = plain_header(read, size) or read_header(Path(path))
        return File(path, header.seconds, content_digest(read, size))
    except OSError as error:
        raise BadAudio("unreadable", error.strerror or str(error)) from None
    finally:
        os.close(handle)


def _in_threads(do: Callable[[_Given], _Got], given: Sequence[_Given]) -> Iterator[_Got]:
    with ThreadPoolExecutor(_THREADS) as pool:
        for done in pool.map(lambda some: [do(one) for one in some], _chunks(given)):
            yield from done


def _in_processes(do: Callable[[_Given], _Got], given: Sequence[_Given]) -> Iterator[_Got]:
    """In copies of this process, where the system has them; they read headers and nothing else."""
    count = min(_PROCESSES, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    if count == 1 or "fork" not in multiprocessing.get_all_start_methods() or sys.platform == "darwin":
        yield from _in_threads(do, given)
        return
    with multiprocessing.get_context("fork").Pool(count) as pool:
        yield from pool.imap(do, given, _TOGETHER)
        # Left at once, a pool kills its processes politely, and waits for ever for copies of one that only takes note
        # of that, as a run does while it trains.
        pool.close()
        pool.join()


def _chunks(given: Sequence[_Given]) -> Iterator[Sequence[_Given]]:
    return (given[at : at + _TOGETHER] for at in range(0, len(given), _TOGETHER))

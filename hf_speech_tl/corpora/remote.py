"""Files at an address: read in pieces through fsspec, tried again while that may help, and kept for a while."""

from __future__ import annotations

import errno
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from hf_speech_tl.errors import DataError, RunError, SettingsError, SpeechError, http_status

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<rest>.+)", re.IGNORECASE)
_WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds before each further try
_QUIET = 30.0  # seconds without a byte, after which a connection is given up
# Bytes of pieces kept: as FLAC the window in whose order training reads (training/streamed.py), and the next one, which
# is on its way before that ends.
_ROOM = 640_000_000
_THREADS = 8  # that fetch: what they wait for is the network
_FULL = (errno.ENOSPC, errno.EDQUOT)
_ANYTHING = TypeVar("_ANYTHING")


class Span(NamedTuple):
    """The bytes `begin` to `end` of the file at `url`."""

    url: str
    begin: int
    end: int


def is_url(place: str) -> bool:
    """Whether a place is an address, and no path."""
    return _URL.fullmatch(place) is not None


def check_url(url: str) -> None:
    """Raise SettingsError for an address that cannot be: of an unknown kind, with a password, or with more than a
    folder's name."""
    found = _URL.fullmatch(url)
    assert found, "is_url was asked"
    if re.search(r"[?#]", found["rest"]) or "@" in found["rest"].partition("/")[0]:
        raise SettingsError(
            "--data SCHEME://...: an address with a password, a query or a fragment cannot be read, nor would it be "
            "safe in run.yaml; allowed: SCHEME://HOST/FOLDER; put credentials where the service's own tools look for "
            "them, of https in ~/.netrc"
        )
    from fsspec.registry import known_implementations

    scheme = found["scheme"].lower()
    if scheme not in known_implementations:
        raise SettingsError(
            f"--data {url}: nothing here reads {scheme}://; allowed: https://, s3://, gs://, hf:// and what else "
            "fsspec knows; or copy the folder to a disk"
        )
    package = str(known_implementations[scheme]["class"]).partition(".")[0]
    if find_spec(package) is None:
        raise SettingsError(f"--data {url}: {scheme}:// wants the package {package}; install it: pip install {package}")


def read_all(url: str) -> bytes:
    """A whole file. Raises DataError."""
    return _tried(lambda: _system(url).cat_file(url), url, DataError)


def download(url: str, path: Path) -> None:
    """A whole file, to the disk. Raises DataError, and OSError where the disk does not take it."""
    path.touch()  # who may not write here is not told that he may not read there
    _tried(lambda: _system(url).get_file(url, str(path)), url, DataError)


def sizes(folder: str, names: Sequence[str]) -> list[int | None]:
    """Bytes of files in a folder, None where the server does not say. Raises DataError for one that is missing."""

    def size(name: str) -> int | None:
        url = f"{folder}/{name}"
        found = _tried(lambda: _system(url).info(url).get("size"), url, DataError)
        return found if isinstance(found, int) else None

    with ThreadPoolExecutor(2 * _THREADS) as pool:
        return list(pool.map(size, names))


def begin_to_fetch(spans: Sequence[Span]) -> None:
    """Begin to fetch pieces that will be asked for."""
    for span in dict.fromkeys(spans):
        _PIECES.begin(span)


def stop_fetching() -> None:
    """Give up what was begun and has not come: nobody will ask for it."""
    _PIECES.stop()


def read_part(span: Span, around: Span) -> bytes:
    """A piece: out of the one `around` it where that is there or on its way, else by itself. Raises RunError."""
    stopped = _PIECES.stopped  # taken before: what is given up while it is waited for is not begun anew
    if (expected := _PIECES.get(around)) is not None:
        return expected[span.begin - around.begin : span.end - around.begin]
    alone = _PIECES.get(span)
    return _fetch(span, stopped) if alone is None else alone


class _Pieces:
    """What was fetched, or is being fetched; of more than there is room for, what was not asked for longest goes."""

    def __init__(self) -> None:
        self._pieces: OrderedDict[Span, Future[bytes]] = OrderedDict()
        self._held = 0
        self._lock = Lock()
        self._waiting: SimpleQueue[tuple[Future[bytes], Span, Event]] = SimpleQueue()
        self._threads = 0
        self.stopped = Event()  # of what was begun since the last stop

    def begin(self, span: Span) -> None:
        with self._lock:
            if span in self._pieces:
                self._pieces.move_to_end(span)
                return
            future: Future[bytes] = Future()
            self._pieces[span] = future
            self._held += span.end - span.begin
            while self._held > _ROOM and len(self._pieces) > 1:
                self._drop(next(iter(self._pieces))).cancel()
            self._waiting.put((future, span, self.stopped))
            if self._threads < _THREADS:
                self._threads += 1
                # A daemon: those of a ThreadPoolExecutor keep the process, at its end, until all is fetched.
                Thread(target=self._work, name="fetch", daemon=True).start()

    def get(self, span: Span) -> bytes | None:
        """None where it is not on its way, or was given up."""
        with self._lock:
            future, stopped = self._pieces.get(span), self.stopped
            if future is None:
                return None
            # What failed before anybody wanted it may have been one of many in an outage that is long over.
            failed = future.done() and not future.cancelled() and future.exception() is not None
            if failed:
                future = self._pieces[span] = Future()
            self._pieces.move_to_end(span)
        if failed:
            _fulfil(future, span, stopped)
        try:
            return future.result()
        except CancelledError:  # gone, for want of room, before it came
            return None
        except SpeechError:
            with self._lock:  # so that it is tried again when it is asked for again
                if self._pieces.get(span) is future:
                    self._drop(span)
            raise

    def stop(self) -> None:
        with self._lock:
            self.stopped.set()
            self.stopped = Event()
            for span, future in list(self._pieces.items()):
                if not future.done():
                    self._drop(span).cancel()

    def _drop(self, span: Span) -> Future[bytes]:
        self._held -= span.end - span.begin
        return self._pieces.pop(span)

    def _work(self) -> None:
        while True:
            _fulfil(*self._waiting.get())


def _fulfil(future: Future[bytes], span: Span, stop: Event) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(_fetch(span, stop))
    except BaseException as error:  # also a bug: it is raised where the piece is asked for
        future.set_exception(error)


def _fetch(span: Span, stop: Event) -> bytes:
    def read() -> bytes:
        system = _system(span.url)
        # Else what is opened as a file is read far ahead of what is wanted.
        own = {} if system.async_impl else {"cache_type": "none"}
        return bytes(system.cat_file(span.url, start=span.begin, end=span.end, **own))

    content = _tried(read, span.url, RunError, stop)
    if len(content) > span.end - span.begin:
        raise RunError(
            f"{span.url}: the server gives whole files and no parts of them (HTTP Range), so that shards cannot be "
            "read from there. Put them on another server, or copy the folder to a disk."
        )
    if len(content) < span.end - span.begin:
        raise RunError(changed(span.url))
    return content


def changed(url: str) -> str:
    """What to say of a shard that is not as its index says."""
    return (
        f"{url}: is not as the index of the shards says, so it was cut short or changed since. Copy it there again, or "
        "write the shards anew with `prepare`."
    )


def _tried(action: Callable[[], _ANYTHING], url: str, fault: type[SpeechError], stop: Event | None = None) -> _ANYTHING:
    """What `action` gives; tried again where the network or the server may have been at fault, until `stop` is set.

    Raises `fault`, and OSError where it is our disk that is full.
    """
    stop = stop or Event()
    for wait in (*_WAITS, None):
        try:
            return action()
        except SpeechError:
            raise
        except Exception as error:  # each service has its own
            if isinstance(error, OSError) and error.errno in _FULL:
                raise
            if said := _for_good(error, url):
                raise fault(said) from error
            if wait is None or stop.wait(wait):
                raise fault(_gone(error, url, fault)) from error
    raise AssertionError("the last try raises")


def _for_good(error: Exception, url: str) -> str | None:
    """What to say of an error that another try would meet again; None of others."""
    status = _status(error)
    if isinstance(error, PermissionError) or status in (401, 403):
        return (
            f"{url}: may not be read{f' (it answered {status})' if status else ''}. Ask for the right to, or log in: "
            "of the Hub with `hf auth login`, of others as their own tools do."
        )
    if isinstance(error, FileNotFoundError) or status in (404, 410):
        return f"{url}: is not there, or hidden from you. --data takes the address of a folder that `prepare` wrote."
    if status == 416:
        return changed(url)
    if isinstance(error, ImportError | TypeError | ValueError) and status is None:
        return f"{url}: cannot be read ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''})."
    return None


def _gone(error: Exception, url: str, fault: type[SpeechError]) -> str:
    status = _status(error)
    why = f"it answered {status}" if status else type(error).__name__
    remedy = "Try again later."
    if fault is RunError:
        remedy = "When it is there again, the same command with --resume goes on from the last checkpoint."
    return f"{url}: cannot be read, after {1 + len(_WAITS)} tries in {sum(_WAITS):.0f} s ({why}). {remedy}"


def _status(error: BaseException) -> int | None:
    own = getattr(error, "status", None)  # of aiohttp
    return own if isinstance(own, int) and own else http_status(error)


def _system(url: str) -> AbstractFileSystem:
    return _opened(url.partition("://")[0].lower())


@cache
def _opened(scheme: str) -> AbstractFileSystem:
    import fsspec

    if scheme not in ("http", "https"):
        return fsspec.filesystem(scheme)
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_QUIET, sock_read=_QUIET)
    # trust_env: proxies of the environment, and ~/.netrc.
    return fsspec.filesystem(scheme, client_kwargs={"timeout": timeout, "trust_env": True})


_PIECES = _Pieces()

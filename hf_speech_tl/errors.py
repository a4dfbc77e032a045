"""What can go wrong, by whose move it is: each error carries the exit code of the command that meets it."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

INTERRUPTED = 130  # as shells have it: 128 + SIGINT
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class SpeechError(Exception):
    """One line for the user: what, where, what is allowed, what to do. The doors print it without a traceback."""

    exit_code = 1


class RunError(SpeechError):
    """A run that failed on its way; what it had saved is still there."""


class DiskError(RunError):
    """A disk that is full, or fails. directory: with which the run goes on when there is room, "" where nothing does.

    A run that is part of others goes on with these, so that whoever does all of them says which directory it is.
    """

    def __init__(self, said: str, directory: str = "") -> None:
        super().__init__(said)
        self.directory = directory


class SettingsError(SpeechError):
    """A setting that cannot be; raised before anything is loaded."""

    exit_code = 2


class DataError(SpeechError):
    """Recordings or transcripts that cannot be used."""

    exit_code = 3


class ToldElsewhere(SpeechError):
    """Another process of the same run says what went wrong; this one only ends with the same code."""

    def __init__(self, exit_code: int) -> None:
        super().__init__("another process says why")
        self.exit_code = exit_code


def is_full(error: Exception) -> bool:
    """Whether it says that a disk is full, or that this user may have no more of it."""
    # What safetensors raises is no OSError, and says the number in words.
    return getattr(error, "errno", None) in _FULL or any(f"(os error {number})" in str(error) for number in _FULL)


def http_status(error: BaseException | None) -> int | None:
    """The status with which a server's answer began this chain of errors; None where there was no answer."""
    while error is not None:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
        error = error.__cause__ or error.__context__
    return None


@contextlib.contextmanager
def named_by(option: str, instead_of: str = "--model") -> Iterator[None]:
    """Inside, a SettingsError or DataError about what one option names tells of another one that named it."""
    try:
        yield
    except (SettingsError, DataError) as error:
        raise type(error)(str(error).replace(instead_of, option)) from error

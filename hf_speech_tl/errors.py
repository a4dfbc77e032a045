"""What can go wrong, by whose move it is: each error carries the exit code of the command that meets it."""

from __future__ import annotations

INTERRUPTED = 130  # as shells have it: 128 + SIGINT


class SpeechError(Exception):
    """One line for the user: what, where, what is allowed, what to do. The doors print it without a traceback."""

    exit_code = 1


class RunError(SpeechError):
    """A run that failed on its way; what it had saved is still there."""


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

"""One process at a time writes a run into a directory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hf_speech_tl.errors import SettingsError

_HELD: dict[Path, int] = {}  # open descriptors: their locks fall with this process, however it ends


def hold(directory: Path) -> None:
    """Keep other processes of this machine out of `directory`, which is there, until this one ends.

    The lock is on the directory itself, so that no file of it stays behind. On Windows, and where the file system knows
    no locks, nothing is held. Raises SettingsError where another process holds it.
    """
    if sys.platform == "win32":
        return
    import fcntl

    place = directory.resolve()
    if place in _HELD:
        return
    try:
        descriptor = os.open(place, os.O_RDONLY)
    except OSError:  # what cannot be read may still be written
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise SettingsError(
                f"--output {directory}: another process is writing a run into it. Wait until that has ended, or name "
                "another directory."
            ) from None
        return
    _HELD[place] = descriptor

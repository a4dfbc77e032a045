"""One process at a time writes a run into a directory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hf_speech_tl.errors import SettingsError

# Open descriptors, by device and inode, which stay when a directory is moved: their locks fall with this process,
# however it ends.
_HELD: dict[tuple[int, int], int] = {}


def hold(directory: Path) -> None:
    """Keep other processes of this machine out of `directory`, which is there, until this one ends.

    The lock is on the directory itself, so that no file of it stays behind. On Windows, and where the file system knows
    no locks, nothing is held. Raises SettingsError where another process holds it.
    """
    if sys.platform == "win32":
        return
    import fcntl

    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError:  # what cannot be read may still be written
        return
    status = os.fstat(descriptor)
    place = status.st_dev, status.st_ino
    if place in _HELD:
        os.close(descriptor)
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

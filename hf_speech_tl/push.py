"""`python -m hf_speech_tl.push`: the upload alone, of a run that is finished."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hf_speech_tl.settings import PushSettings
from hf_speech_tl.terminal import conclude


def push(settings: PushSettings) -> str:
    """Upload a run in one commit; returns the address of the repository.

    Raises:
        SpeechError: see hf_speech_tl.errors.
    """
    from hf_speech_tl.publishing import push as upload

    return upload(settings.directory, settings.repo_id, private=settings.private)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return conclude(PushSettings, arguments, lambda settings: print(push(settings)))


if __name__ == "__main__":
    sys.exit(main())

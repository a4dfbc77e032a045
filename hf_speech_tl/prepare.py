"""`python -m hf_speech_tl.prepare`: any recordings in, shards out that training reads from a disk or over a network."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence

from hf_speech_tl.corpora import find_spoken
from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings import PrepareSettings
from hf_speech_tl.terminal import conclude


def prepare(settings: PrepareSettings) -> dict[str, object]:
    """Write the shards; returns what was written: rows, seconds and bytes of each split, and how many were skipped.

    Raises:
        SpeechError: see hf_speech_tl.errors. A source that is not there is refused before anything is read.
    """
    spoken = find_spoken(settings.data, settings.lang)
    if len(spoken) > 1 and not settings.unlabelled:
        tags = ", ".join(language.tag for language in spoken)
        raise SettingsError(
            f"--data: is in several languages ({tags}), and the transcripts of a folder of shards are in one. Prepare "
            "each by itself, and name all of them for training: --data it=DIR --data es=DIR"
        )
    from hf_speech_tl.stages.sharding import run

    return run(settings)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return conclude(PrepareSettings, arguments, _prepare)


def _prepare(settings: PrepareSettings) -> None:
    results = prepare(settings)
    if settings.json:
        print(json.dumps(results, ensure_ascii=False))
        return
    print(f"output: {settings.output}, {results['shards']} shards, {results['skipped']} recordings left out")
    first, *_ = find_spoken(settings.data, settings.lang)
    user = "pretrain" if settings.unlabelled else f"finetune --lang {first.tag}"
    print(f"to use it: hf-speech-tl {user} --data {shlex.quote(str(settings.output))}")


if __name__ == "__main__":
    sys.exit(main())

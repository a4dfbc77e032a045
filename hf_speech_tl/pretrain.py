"""`python -m hf_speech_tl.pretrain`: from recordings, with transcripts or without, to an encoder that others load."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from typing import cast

from hf_speech_tl.corpora import find_spoken, refuse_temperature
from hf_speech_tl.settings import PretrainSettings, check_reporters
from hf_speech_tl.terminal import conclude


def pretrain(settings: PretrainSettings) -> dict[str, object]:
    """Pretrain an encoder; returns what results.json holds.

    Raises:
        SpeechError: see hf_speech_tl.errors. A source that is not there is refused before torch is loaded.
    """
    refuse_temperature(settings.temperature, find_spoken(settings.data, settings.lang))
    check_reporters(settings.report_to)
    from hf_speech_tl.stages.pretrain import run

    return run(settings)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return conclude(PretrainSettings, arguments, _pretrain)


def _pretrain(settings: PretrainSettings) -> None:
    results = pretrain(settings)
    if not results:
        return  # of several processes the first one speaks
    if settings.json:
        print(json.dumps(results, ensure_ascii=False))
        return
    training = cast("dict[str, object]", results["training"])
    best, before = cast("float", training["best"]), cast("float | None", training["before"])
    probed = training["decided_by"] == "probe_cer"
    lowest = f"letter error of the probe: {100 * best:.1f} %" if probed else f"validation loss: {best:.3f}"
    told = "" if before is None else f" ({100 * before:.1f} % before)"
    print(f"lowest {lowest}{told}; {training['steps']} steps in {training['seconds']} s")
    print(f"output: {results['output']}")
    print(f"to use it: hf-speech-tl finetune --lang TAG --data SOURCE --model {shlex.quote(str(results['output']))}")


if __name__ == "__main__":
    sys.exit(main())

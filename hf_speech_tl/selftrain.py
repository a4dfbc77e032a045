"""`python -m hf_speech_tl.selftrain`: a recogniser that learns from recordings without transcripts."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from hf_speech_tl.corpora import find_spoken, refuse_temperature
from hf_speech_tl.errors import named_by
from hf_speech_tl.settings import SelftrainSettings, check_reporters
from hf_speech_tl.terminal import conclude, score_line

if TYPE_CHECKING:
    from hf_speech_tl.scoring import Comparison, Scores


def selftrain(settings: SelftrainSettings) -> dict[str, object]:
    """Self-train a model; returns what results.json holds.

    Raises:
        SpeechError: see hf_speech_tl.errors. A source that is not there is refused before torch is loaded.
    """
    spoken = find_spoken(settings.data, settings.lang)
    with named_by("--unlabelled", "--data"):
        find_spoken(settings.unlabelled, settings.lang)
    refuse_temperature(settings.temperature, spoken)
    check_reporters(settings.report_to)
    if settings.push_to_hub is not None:
        from hf_speech_tl.publishing import check_login

        check_login()  # before hours of training, not after
    from hf_speech_tl.stages.selftrain import run

    return run(settings)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return conclude(SelftrainSettings, arguments, _selftrain)


def _selftrain(settings: SelftrainSettings) -> None:
    results = selftrain(settings)
    if not results:
        return  # of several processes the first one speaks
    if settings.json:
        print(json.dumps(results, ensure_ascii=False))
        return
    training = cast("dict[str, Any]", results["selftraining"])
    print(f"before: {score_line(cast('Scores', results['before']))}")
    print(f"after:  {score_line(cast('Scores', results['after']))}")
    print(_worth(training["best_round"], len(training["rounds"]), training["gain"]))
    for name in ("output", "pushed_to"):
        if name in results:
            print(f"{name.replace('_', ' ')}: {results[name]}")
    print(f"to use it: hf-speech-tl transcribe --model {shlex.quote(str(results['output']))} RECORDING.wav")


def _worth(best: int, rounds: int, gain: Comparison) -> str:
    """What self-training was worth, in a line."""
    if not best:
        return "no round made the validation CER fall: the model is the teacher as it was"
    from hf_speech_tl.stages.routes.verdict import gain_words

    return f"gain: {gain_words(gain)}, by round {best} of {rounds}"


if __name__ == "__main__":
    sys.exit(main())

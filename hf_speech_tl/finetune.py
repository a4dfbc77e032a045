"""`python -m hf_speech_tl.finetune`: from recordings to a model that others can load."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hf_speech_tl.corpora import find_spoken, refuse_for_languages
from hf_speech_tl.settings import FinetuneSettings, check_reporters
from hf_speech_tl.terminal import conclude, language_lines, score_line, seed_lines

if TYPE_CHECKING:
    from hf_speech_tl.scoring import Scores

# Test utterances: a bootstrap of fewer is too narrow, and 3 of them may read 0 %.
_FEW = 30
_RISEN = 1.05  # times the lowest validation CER: less may be chance


def finetune(settings: FinetuneSettings) -> dict[str, object]:
    """Fine-tune a model, with `--seeds` several times; returns what results.json holds.

    Raises:
        SpeechError: see hf_speech_tl.errors. Settings that do not fit the language are refused before torch is loaded.
    """
    refuse_for_languages(settings, find_spoken(settings.data, settings.lang))
    check_reporters(settings.report_to)
    if settings.push_to_hub is not None:
        from hf_speech_tl.publishing import check_login

        check_login()  # before hours of training, not after
    if settings.seeds > 1:
        from hf_speech_tl.stages.routes.repeats import run
    else:
        from hf_speech_tl.stages.finetune import run

    return run(settings)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return conclude(FinetuneSettings, arguments, _finetune)


def _finetune(settings: FinetuneSettings) -> None:
    results = finetune(settings)
    if not results:
        return  # of several processes the first one speaks
    if settings.json:
        print(json.dumps(results, ensure_ascii=False))
        return
    after, model = cast("Scores", results["after"]), Path(str(results["output"]))
    if seeds := cast("dict[str, Any] | None", results.get("seeds")):
        lines, model = seed_lines(results), model / seeds["best"]
    else:
        lines = _score_lines(settings, results)
    print("\n".join(lines))
    if after["utterances"] < _FEW:
        print(f"warning: {after['utterances']} test utterances say little, their interval too: test on {_FEW} and more")
    if note := _length_note(cast("dict[str, Any]", results.get("training", {}))):
        print(note)
    for name in [name for name in ("output", "pushed_to") if name in results]:
        print(f"{name.replace('_', ' ')}: {results[name]}")
    print(f"to use it: hf-speech-tl transcribe --model {shlex.quote(str(model))} RECORDING.wav")


def _length_note(training: Mapping[str, Any]) -> str | None:
    """What to say of a run whose validation error fell in its first half, and rose again, or that ended early."""
    if early := training.get("ended_early"):
        return (
            f"note: after {early['begins']} of {early['planned']} steps the recordings were learnt by heart and the "
            f"validation CER fell no more; the run went back to its weights of step {early['best']} and ended at step "
            f"{early['ends']} (--patience none goes on to the last)"
        )
    if training.get("best_step") is None:
        return None
    at, steps = training["best_step"], training["steps"]
    lowest, last = training["best_validation_cer"], training["last_validation_cer"]
    if at > steps / 2 or last < _RISEN * lowest:
        return None
    return (
        f"note: the validation CER was lowest after {at} of {steps} steps ({100 * lowest:.1f} %), and "
        f"{100 * last:.1f} % in the end: what was trained after that did not help. The best model is kept; a shorter "
        "run, whose learning rate falls in time, may be better still (--max-steps, --max-minutes)"
    )


def _score_lines(settings: FinetuneSettings, results: dict[str, object]) -> list[str]:
    before, after = cast("Scores | None", results["before"]), cast("Scores", results["after"])
    fresh = cast("dict[str, object]", results["model"])["fresh"]
    why = "the model that it began with did not know all symbols, or could not be read again"
    if fresh or settings.head == "fresh":
        why = f"training began with {'random weights' if fresh else 'a fresh head'}"
    first = f"before: {score_line(before) if before else f'no score, since {why}'}"
    return [first, f"after:  {score_line(after)}", *language_lines(after)]


if __name__ == "__main__":
    sys.exit(main())

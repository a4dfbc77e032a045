"""`python -m hf_speech_tl.evaluate`: what a model is worth on recordings with transcripts, alone or against another."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from hf_speech_tl.corpora import find_spoken
from hf_speech_tl.languages import find_model_language
from hf_speech_tl.settings import EvaluateSettings
from hf_speech_tl.terminal import conclude, language_lines, score_line

if TYPE_CHECKING:
    from hf_speech_tl.scoring import Comparison, Scores


def evaluate(settings: EvaluateSettings) -> dict[str, object]:
    """Score a model: `after`, and with `--against` also `against`: the other's `scores` and the paired `gain`.

    Raises:
        SpeechError: see hf_speech_tl.errors. An unknown language is refused before torch is loaded.
    """
    if settings.lang is not None:
        find_model_language(settings.lang)
        find_spoken(settings.data, settings.lang)
    from hf_speech_tl.stages.evaluation import run

    return run(settings)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return conclude(EvaluateSettings, arguments, _evaluate)


def _evaluate(settings: EvaluateSettings) -> None:
    results = evaluate(settings)
    if settings.json:
        print(json.dumps(results, ensure_ascii=False))
        return
    after = cast("Scores", results["after"])
    if skipped := cast("dict[str, dict[str, int]]", results["data"])["skipped"]:
        print(f"left out: {', '.join(f'{count} {reason}' for reason, count in skipped.items())}")
    print(f"{settings.model}: {score_line(after)}")
    for line in language_lines(after):
        print(line)
    if "against" in results:
        other = cast("dict[str, object]", results["against"])
        print(f"{settings.against}: {score_line(cast('Scores', other['scores']))}")
        print(_gain(settings.model, str(settings.against), cast("Comparison", other["gain"])))


def _gain(model: str, other: str, comparison: Comparison) -> str:
    cer = comparison["cer"]
    gain, low, high = (100 * cer[name] for name in ("gain", "low", "high"))
    if low <= 0 <= high:
        ahead, (least, most) = (model, (low, high)) if gain >= 0 else (other, (-high, -low))
        return (
            f"no clear difference: {ahead} is ahead by {abs(gain):.1f} points of CER ({least:+.1f} to {most:+.1f}, "
            f"p = {cer['p_value']:.3f}; 95 % interval, paired, over {comparison['interval']})"
        )
    better, (least, most) = ("better", (low, high)) if gain > 0 else ("worse", (-high, -low))
    return (
        f"{model} is {better} by {abs(gain):.1f} points of CER ({least:.1f} to {most:.1f}, p = {cer['p_value']:.3f}; "
        f"95 % interval, paired, over {comparison['interval']})"
    )


if __name__ == "__main__":
    sys.exit(main())

"""`python -m hf_speech_tl.transfer`: from languages with much speech to one with little, stage by stage."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hf_speech_tl.corpora import find_spoken, refuse_for_languages
from hf_speech_tl.errors import named_by
from hf_speech_tl.settings import AUTO, STARTER, FinetuneSettings, Source, TransferSettings, check_reporters, lay_route
from hf_speech_tl.terminal import conclude, score_line

if TYPE_CHECKING:
    from hf_speech_tl.stages.advice.ranking import Recommendation


def transfer(settings: TransferSettings) -> dict[str, object]:
    """Train stage by stage; returns what results.json holds, with `--recommend` the ranking of the sources instead.

    Raises:
        SpeechError: see hf_speech_tl.errors. What a stage cannot be asked for is refused before torch is loaded.
    """
    found = _work(settings)
    return found if isinstance(found, dict) else found.as_json()


def _work(settings: TransferSettings) -> dict[str, object] | Recommendation:
    route = lay_route(settings)
    for option in ("target", "source", "unlabelled"):
        with named_by(f"--{option}", "--data"):
            find_spoken(getattr(settings, option) or (), settings.lang)
    for leg in route:
        check_reporters(leg.settings.report_to)
        if isinstance(leg.settings, FinetuneSettings):
            refuse_for_languages(leg.settings, find_spoken(leg.settings.data, leg.settings.lang))
    if settings.recommend:
        from hf_speech_tl.stages.advice.recommendation import recommend

        return recommend(
            _annotated(settings.target[0], settings.tier),
            settings.source or (),
            model=STARTER if settings.model == AUTO else settings.model,
            train_steps=settings.max_steps,
            output=None if settings.max_steps is None else settings.output,
            seed=settings.seed,
            quiet=settings.quiet,
        )
    from hf_speech_tl.stages.routes.transfer import run

    return run(settings)


def _annotated(target: str | Source, tier: str | None) -> str | Source:
    """With the tier that was named, unless it has one of its own."""
    return replace(target, tier=tier) if isinstance(target, Source) and target.tier is None else target


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return conclude(TransferSettings, arguments, _transfer)


def _transfer(settings: TransferSettings) -> None:
    results = _work(settings)
    if not isinstance(results, dict):
        print(json.dumps(results.as_json(), ensure_ascii=False) if settings.json else results)
        return
    if not results:
        return  # of several processes the first one speaks
    if settings.json:
        print(json.dumps(results, ensure_ascii=False))
        return
    from hf_speech_tl.stages.routes.verdict import forgotten_line, worth_lines

    output = Path(str(results["output"]))
    stages = cast("list[dict[str, Any]]", results["stages"])
    if "ablation" in results:
        print("\n".join(worth_lines(cast("dict[str, Any]", results["ablation"]), stages)))
    width = max(len(stage["directory"]) for stage in stages)
    for stage in stages:
        said = score_line(stage["after"]) if stage["after"] else "an encoder, which writes nothing yet"
        print(f"{stage['directory']:{width}}  {stage['steps']} steps in {stage['seconds']} s; {said}")
    if forgetting := cast("dict[str, Any] | None", results.get("forgetting")):
        print(forgotten_line(forgetting))
    print(f"output: {output}")
    last = output / str(stages[-1]["directory"])
    print(f"to use it: hf-speech-tl transcribe --model {shlex.quote(str(last))} RECORDING.wav")


if __name__ == "__main__":
    sys.exit(main())

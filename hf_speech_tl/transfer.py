"""`python -m hf_speech_tl.transfer`: from languages with much speech to one with little, stage by stage."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from hf_speech_tl.corpora import find_spoken, refuse_for_languages
from hf_speech_tl.settings import FinetuneSettings, TransferSettings, lay_route
from hf_speech_tl.terminal import conclude, gain_words, score_line


def transfer(settings: TransferSettings) -> dict[str, object]:
    """Train stage by stage; returns what results.json holds.

    Raises:
        SpeechError: see hf_speech_tl.errors. What a stage cannot be asked for is refused before torch is loaded.
    """
    for leg in lay_route(settings):
        spoken = find_spoken(leg.settings.data, leg.settings.lang)
        if isinstance(leg.settings, FinetuneSettings):
            refuse_for_languages(leg.settings, spoken)
    from hf_speech_tl.stages.transfer import run

    return run(settings)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return conclude(TransferSettings, arguments, _transfer)


def _transfer(settings: TransferSettings) -> None:
    results = transfer(settings)
    if not results:
        return  # of several processes the first one speaks
    if settings.json:
        print(json.dumps(results, ensure_ascii=False))
        return
    output = Path(str(results["output"]))
    stages = cast("list[dict[str, Any]]", results["stages"])
    if "ablation" in results:
        print("\n".join(_worth(cast("dict[str, Any]", results["ablation"]), stages)))
    width = max(len(stage["directory"]) for stage in stages)
    for stage in stages:
        said = score_line(stage["after"]) if stage["after"] else "an encoder, which writes nothing yet"
        print(f"{stage['directory']:{width}}  {stage['steps']} steps in {stage['seconds']} s; {said}")
    print(f"output: {output}")
    last = output / str(stages[-1]["directory"])
    print(f"to use it: hf-speech-tl transcribe --model {shlex.quote(str(last))} RECORDING.wav")


def _worth(ablation: dict[str, Any], stages: list[dict[str, Any]]) -> list[str]:
    """Whether the detour pays, and then the gain of each stage."""
    whole, direct = ablation["whole"], ablation["direct"]
    low, high = direct["gain"]["cer"]["low"], direct["gain"]["cer"]["high"]
    pays = "pays" if low > 0 else "does not pay" if high < 0 else "does not clearly pay"
    lines = [
        f"the detour {pays}: CER {100 * whole['cer']:.1f} %, {100 * direct['cer']:.1f} % on the direct route, in "
        f"{whole['seconds']:.0f} s and {direct['seconds']:.0f} s of training; {gain_words(direct['gain'])}"
    ]
    alone = len(stages) == 2  # what is left without the other stage is the direct route
    for stage in stages:
        name = stage["name"]
        found = ablation.get(f"without-{name}") or (direct if alone and name != "target" else None)
        what = "over the model before it" if name == "target" else "over the rest, trained as long without it"
        told = (
            f"{gain_words(found['gain'])}, {what}" if found else "cannot be told: the model before it writes otherwise"
        )
        lines.append(f"  {name:8}  {told}")
    return lines


if __name__ == "__main__":
    sys.exit(main())

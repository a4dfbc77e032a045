"""Several stages one after the other, each of which begins with what the one before left in its directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch

from hf_speech_tl.scoring import Comparison
from hf_speech_tl.settings import AUTO, FinetuneSettings, Leg, Stage, TransferSettings, lay_route, read_yaml
from hf_speech_tl.stages.ablation import compare_routes, find_shortcuts, gains, travel
from hf_speech_tl.stages.environment import describe_environment
from hf_speech_tl.stages.forgetting import measure_forgetting
from hf_speech_tl.stages.ledger import State, claim
from hf_speech_tl.stages.leg import Corpora, Done, follow, survey
from hf_speech_tl.stages.plan import clock, show_plan
from hf_speech_tl.stages.preset import choose_preset
from hf_speech_tl.stages.processes import agree, join_processes
from hf_speech_tl.stages.results import write_results

_STATES = {"complete": "complete", "resume": "goes on from its checkpoint", "anew": "to be done"}


def run(settings: TransferSettings) -> dict[str, object]:
    """Do each stage that is not complete with the same inputs; returns what results.json holds (nothing on processes
    other than the first).

    Raises SettingsError, DataError or RunError as the stages do, and KeyboardInterrupt after Ctrl-C, with the directory
    in which the same command goes on.
    """
    processes = join_processes()
    settings, told = agree(processes, lambda: _decide(settings))
    output = cast("Path", settings.output)
    legs = lay_route(settings)
    read = Corpora(quiet=settings.quiet or not processes.is_main_process)
    states = agree(processes, lambda: survey(legs, read, output, overwrite=settings.overwrite))
    agree(processes, lambda: claim(settings))
    if processes.is_main_process and not settings.quiet:
        show_plan([*told, *_plan(settings, legs, states, read)])

    def go(route: Sequence[Leg]) -> list[Done]:
        return [follow(leg, read, processes, output, overwrite=settings.overwrite) for leg in route]

    try:
        if settings.ablate:
            travelled = travel(settings, go)
            done = travelled[0].whole
        else:
            done = go(legs)
    except KeyboardInterrupt:
        # What a stage has saved, the same command finds; so it does what earlier stages have left.
        raise KeyboardInterrupt(str(output)) from None
    if not processes.is_main_process:
        return {}
    ablation = compare_routes(settings, travelled) if settings.ablate else None
    results = _gather(settings, done, ablation, _forgetting(settings, done))
    write_results(results, output / "results.json")
    results["output"] = str(output)  # told, not stored: results.json travels
    return results


def _decide(settings: TransferSettings) -> tuple[TransferSettings, list[tuple[str, str]]]:
    """The settings with a model, and lines for the plan; one that was begun with keeps it."""
    if settings.model != AUTO:
        return settings, []
    earlier = cast("Path", settings.output) / "run.yaml"
    if earlier.is_file():
        return replace(settings, model=read_yaml(TransferSettings, earlier).model), []
    asked = FinetuneSettings(lang=settings.lang, data=settings.target, from_scratch=settings.from_scratch)
    chosen, told = choose_preset(asked, gpu=torch.cuda.is_available())
    return replace(settings, model=chosen.model), told


def _plan(
    settings: TransferSettings, legs: Sequence[Leg], states: Sequence[State], read: Corpora
) -> list[tuple[str, str]]:
    rows = [("stages", f"{len(legs)} in {settings.output}, begun with {settings.model}")]
    for leg, state in zip(legs, states, strict=True):
        corpus = read.of(leg)
        names = ", ".join(corpus.names)
        much = clock(sum(corpus.train["seconds"][:]))
        beside = read.unlabelled(leg)
        more = f" and {clock(sum(beside.train['seconds'][:]))} without transcripts" if beside else ""
        rows.append((leg.directory.name, f"{much} of training recordings ({names}){more}; {_STATES[state]}"))
    if settings.ablate:
        names = ", ".join(way.name.replace("-", " ") for way in find_shortcuts(settings.stages))
        seeds = f", all with {settings.seeds} seeds" if settings.seeds > 1 else ""
        rows.append(("--ablate", f"then {names}: each with the same training time as all stages together{seeds}"))
    return rows


def _forgetting(settings: TransferSettings, done: Sequence[Done]) -> dict[str, object] | None:
    """What the last model has forgotten of --source since the stage `source`, or since --model where that stage is left
    out; None where nothing can be said."""
    if not settings.source:
        return None
    trained = [one.leg for one in done if one.leg.name == "source"]
    before = str(trained[0].directory) if trained else settings.model
    heard = trained[0] if trained else lay_route(settings, [Stage("source")])[0]
    return measure_forgetting(before, done[-1].leg.directory, cast("FinetuneSettings", heard.settings))


def _gather(
    settings: TransferSettings,
    done: Sequence[Done],
    ablation: dict[str, object] | None,
    forgetting: dict[str, object] | None,
) -> dict[str, object]:
    """What results.json holds: of the last stage, and a row for each."""
    last = done[-1].results
    found = gains(ablation, settings.stages) if ablation else {}
    rows = [
        {
            "name": one.leg.name,
            "directory": one.leg.directory.name,
            "after": one.scores,
            "seconds": one.seconds,
            "steps": one.steps,
            **_gain(found.get(one.leg.name)),
        }
        for one in done
    ]
    return {
        **last,
        "command": settings.command_line(),
        "lang": settings.lang,
        "stages": rows,
        **({"ablation": ablation} if ablation else {}),
        "forgetting": forgetting,
        "environment": describe_environment(),
    }


def _gain(comparison: Comparison | None) -> Mapping[str, float | None]:
    if comparison is None:
        return dict.fromkeys(("gain", "low", "high", "p_value"))
    cer = comparison["cer"]
    return {"gain": cer["gain"], "low": cer["low"], "high": cer["high"], "p_value": cer["p_value"]}

"""Several stages one after the other, each of which begins with what the one before left in its directory."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import PartialState

from hf_speech_tl.models import read_config
from hf_speech_tl.scoring import Comparison
from hf_speech_tl.settings import AUTO, FinetuneSettings, Leg, Stage, TransferSettings, lay_route, read_yaml
from hf_speech_tl.stages.judgement import Judgement
from hf_speech_tl.stages.routes.ablation import Go, Routes, compare_routes, count_runs, find_shortcuts, gains, travel
from hf_speech_tl.stages.routes.forgetting import measure_forgetting
from hf_speech_tl.stages.routes.ledger import State, check_claim, claim
from hf_speech_tl.stages.routes.leg import Corpora, Done, follow, survey
from hf_speech_tl.stages.routes.outlook import Outlook, disk_of_all, foresee
from hf_speech_tl.stages.routes.summary import GAINS, known_ablation
from hf_speech_tl.stages.runs.environment import describe_environment
from hf_speech_tl.stages.runs.output import write_json
from hf_speech_tl.stages.runs.plan import show_plan, size
from hf_speech_tl.stages.runs.preset import choose_preset
from hf_speech_tl.stages.runs.processes import agree, join_processes, told_once
from hf_speech_tl.training import Part, as_part

_STATES = {"complete": "; it is complete", "resume": "; it goes on from its checkpoint", "anew": ""}


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
        show_plan([*told, *_plan(settings, legs, states, read, processes)])

    runs, begun = count_runs(settings) if settings.ablate else len(legs), itertools.count()

    def go(route: Sequence[Leg]) -> list[Done]:
        done = []
        for leg in route:
            number = next(begun)
            name = f"stage {number + 1} of {runs} ({leg.directory.relative_to(output).as_posix()})"
            with as_part(Part(name, number / runs, (number + 1) / runs)):
                done.append(follow(leg, read, processes, output, overwrite=settings.overwrite))
        return done

    # What a stage has saved, the same command finds; so it does what earlier stages have left.
    with told_once(processes, lambda: str(output)):
        if settings.ablate:
            results = _ablate(settings, go, processes)
        else:
            done = go(legs)
            results = agree(processes, lambda: _conclude(settings, done, None, _forgetting(settings, done)))
    if not processes.is_main_process:
        return {}
    results["output"] = str(output)  # told, not stored: results.json travels
    return results


def _ablate(settings: TransferSettings, go: Go, processes: PartialState) -> dict[str, object]:
    """Go all routes, and note after the whole and after each seed what is known by then, for nobody knows what the next
    meets; returns the last of that."""
    travelled: list[Routes] = []
    judged: dict[tuple[Path, str], Judgement] = {}
    forgetting: dict[str, object] | None = None
    results: dict[str, object] = {}

    def arrived(whole: Sequence[Done]) -> None:
        nonlocal forgetting
        forgetting = agree(processes, lambda: _forgetting(settings, whole))
        agree(processes, lambda: _conclude(settings, whole, None, forgetting))

    def conclude() -> dict[str, object]:
        return _conclude(settings, travelled[0].whole, compare_routes(settings, travelled, judged), forgetting)

    for routes in travel(settings, go, arrived):
        travelled.append(routes)
        results = agree(processes, conclude)
    return results


def _decide(settings: TransferSettings) -> tuple[TransferSettings, list[tuple[str, str]]]:
    """The settings with a model, and lines for the plan; one that was begun with keeps it. Raises SettingsError as
    check_claim, and for a model that cannot be."""
    check_claim(settings)
    if settings.model != AUTO:
        read_config(settings.model)  # a misspelt one is told before recordings are read
        return settings, []
    earlier = cast("Path", settings.output) / "run.yaml"
    if earlier.is_file():
        return replace(settings, model=read_yaml(TransferSettings, earlier).model), []
    asked = FinetuneSettings(lang=settings.lang, data=settings.target, from_scratch=settings.from_scratch)
    chosen, told = choose_preset(asked, gpu=torch.cuda.is_available())
    return replace(settings, model=chosen.model), told


def _plan(
    settings: TransferSettings, legs: Sequence[Leg], states: Sequence[State], read: Corpora, processes: PartialState
) -> list[tuple[str, str]]:
    rows = [("stages", f"{len(legs)} in {settings.output}, begun with {settings.model}")]
    config = read_config(settings.model)
    outlooks: list[Outlook] = []
    for leg, state in zip(legs, states, strict=True):
        corpus = read.of(leg)
        fresh = settings.from_scratch and not outlooks
        outlooks.append(foresee(leg, corpus, read.unlabelled(leg), config, processes, fresh=fresh))
        names = ", ".join(corpus.names)
        behind = state == "complete" and any(one != "complete" for one in states[: len(outlooks)])
        told = "; it is complete, if what it begins with comes out as it was" if behind else _STATES[state]
        rows.append((leg.directory.name, f"{names}: {outlooks[-1]}{told}"))
    rows.append(("disk", f"{size(disk_of_all(outlooks))} for all stages at their fullest"))
    if settings.ablate:
        ways = find_shortcuts(settings.stages)
        names = ", ".join(way.name.replace("-", " ") for way in ways)
        seeds = f", and all of it with {settings.seeds} seeds" if settings.seeds > 1 else ""
        times = settings.seeds * (1 + len(ways))
        rows.append(("ablation", f"then {names}: each may train as long as all stages together{seeds}"))
        rows.append(("", f"{times} times the training and the disk of the stages above at most"))
    return rows


def _forgetting(settings: TransferSettings, done: Sequence[Done]) -> dict[str, object] | None:
    """What the last model has forgotten of --source since the stage `source`, or since --model where that stage is left
    out; None where nothing can be said."""
    trained = [one.leg for one in done if one.leg.name == "source"]
    if not settings.source or (settings.from_scratch and not trained):  # random weights have nothing to forget
        return None
    before = str(trained[0].directory) if trained else settings.model
    heard = trained[0] if trained else lay_route(settings, [Stage("source")])[0]
    return measure_forgetting(before, done[-1].leg.directory, cast("FinetuneSettings", heard.settings))


def _conclude(
    settings: TransferSettings,
    done: Sequence[Done],
    ablation: dict[str, Any] | None,
    forgetting: dict[str, object] | None,
) -> dict[str, object]:
    """Write results.json, and return what it holds: of the last stage, and a row for each. Of the same stages an
    earlier ablation stays, if it is over more seeds than this one, or nothing was left out now."""
    output = cast("Path", settings.output)
    last = done[-1].results
    rows: list[dict[str, object]] = [
        {
            "name": one.leg.name,
            "directory": one.leg.directory.name,
            "after": one.scores,
            "seconds": one.seconds,
            "steps": one.steps,
        }
        for one in done
    ]
    known = known_ablation(output, last, rows)
    if known and not (ablation and len(ablation["seeds"]) >= len(known["seeds"])):
        ablation = known
    found = gains(ablation, settings.stages) if ablation else {}
    results: dict[str, object] = {
        **last,
        "command": settings.command_line(),
        "lang": settings.lang,
        "stages": [{**row, **_gain(found.get(str(row["name"])))} for row in rows],
        **({"ablation": ablation} if ablation else {}),
        "forgetting": forgetting,
        "environment": describe_environment(),
    }
    write_json(results, output / "results.json")
    return results


def _gain(comparison: Comparison | None) -> Mapping[str, float | None]:
    if comparison is None:
        return dict.fromkeys(GAINS)
    cer = comparison["cer"]
    return {"gain": cer["gain"], "low": cer["low"], "high": cer["high"], "p_value": cer["p_value"]}

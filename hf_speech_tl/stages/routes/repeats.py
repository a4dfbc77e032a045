"""The same fine-tuning with several seeds: each run stands alone, and together they say how much a seed decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import torch

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.scoring import compare_seeds
from hf_speech_tl.scoring.scores import Difference, Rate
from hf_speech_tl.settings import AUTO, FinetuneSettings, Leg, read_yaml, write_yaml
from hf_speech_tl.stages.judgement import judge_saved
from hf_speech_tl.stages.reading import read_test
from hf_speech_tl.stages.routes.ledger import Ledger, State, begins_with, describe
from hf_speech_tl.stages.routes.leg import Corpora, Done, follow
from hf_speech_tl.stages.routes.summary import earlier_results
from hf_speech_tl.stages.runs.holding import hold
from hf_speech_tl.stages.runs.output import check_place, holds_seeds, holds_something, is_run, run_command, write_json
from hf_speech_tl.stages.runs.plan import show_plan
from hf_speech_tl.stages.runs.preset import choose_preset
from hf_speech_tl.stages.runs.processes import agree, join_processes, told_once
from hf_speech_tl.training import Part, as_part

_STATES = {"complete": "complete", "resume": "goes on from its checkpoint"}


def run(settings: FinetuneSettings) -> dict[str, object]:
    """Do the run of each seed that is not complete with the same inputs; returns what results.json holds (nothing on
    processes other than the first).

    Raises SettingsError, DataError or RunError as the runs do, and KeyboardInterrupt after Ctrl-C, with the directory
    in which the same command goes on.
    """
    processes = join_processes()
    settings, told = agree(processes, lambda: _decide(settings))
    output = cast("Path", settings.output)
    legs = _lay_out(settings, output)
    read = Corpora(quiet=settings.quiet or not processes.is_main_process)
    states = agree(processes, lambda: _survey(legs, read, output, overwrite=settings.overwrite))
    agree(processes, lambda: _refuse_loss(legs, output, overwrite=settings.overwrite))
    agree(processes, lambda: _claim(settings, output))
    if processes.is_main_process and not settings.quiet:
        show_plan([*told, *_plan(legs, states, output)])

    left = sum(state != "complete" for state in states)
    done: list[Done] = []
    # What a run has saved, the same command finds; so it does runs that are complete.
    with told_once(processes, lambda: str(output)):
        for at, (leg, state) in enumerate(zip(legs, states, strict=True)):
            part = Part(f"{leg.name} ({at + 1} of {len(legs)})", at / len(legs), (at + 1) / len(legs))
            with as_part(part):
                done.append(follow(leg, read, processes, output, overwrite=settings.overwrite, times=left))
            left = left if state == "complete" else 0  # the plan of the first is that of all
        if not processes.is_main_process:
            return {}
        results = _gather(settings, done)
        write_json(results, output / "results.json")
    results["output"] = str(output)  # told, not stored: results.json travels
    return results


def _decide(settings: FinetuneSettings) -> tuple[FinetuneSettings, list[tuple[str, str]]]:
    """The settings with a model and data, and lines for the plan; what was begun keeps those that it began with.

    Raises SettingsError where the directory holds something else, and as choose_preset.
    """
    output = cast("Path", settings.output)
    check_place(output)
    if holds_seeds(output):
        begun = read_yaml(FinetuneSettings, output / "run.yaml")
        if begun.lang != settings.lang:
            return choose_preset(settings, gpu=torch.cuda.is_available())
        model = begun.model if settings.model == AUTO else settings.model
        data = begun.data if settings.data == (AUTO,) else settings.data
        return replace(settings, model=model, data=data), []
    if is_run(output) and run_command(output) == settings.command:
        raise SettingsError(
            f"--output {output}: holds one run, and with --seeds {settings.seeds} each has a directory of its own. "
            "Name another, or go on with that run without --seeds."
        )
    if holds_something(output):
        raise SettingsError(
            f"--output {output}: holds something else than runs of finetune, and is left alone. Name an empty or new "
            "directory."
        )
    return choose_preset(settings, gpu=torch.cuda.is_available())


def _lay_out(settings: FinetuneSettings, output: Path) -> list[Leg]:
    legs = []
    for seed in range(settings.seed, settings.seed + settings.seeds):
        name = f"seed-{seed}"
        alone = replace(settings, seed=seed, seeds=1, output=output / name, overwrite=False, resume=None)
        legs.append(Leg(name, alone))
    return legs


def _survey(legs: Sequence[Leg], read: Corpora, output: Path, *, overwrite: bool) -> list[State]:
    """How each run stands, before any is begun. Raises SettingsError as Ledger.standing, and as Corpora.of."""
    ledger = Ledger(output)
    return [
        ledger.standing(leg, describe(leg, read.fingerprint(leg), begins_with(leg)), overwrite=overwrite)
        for leg in legs
    ]


def _refuse_loss(legs: Sequence[Leg], output: Path, *, overwrite: bool) -> None:
    """Raise SettingsError where results.json there tells of seeds that another one would not tell of."""
    told = [] if overwrite else earlier_results(output).get("seeds", {}).get("runs", [])
    if lost := {one["directory"] for one in told} - {leg.name for leg in legs}:
        raise SettingsError(
            f"--output {output}: its results.json tells of {', '.join(sorted(lost))} too, which would be lost. Ask for "
            "these seeds as well, name another directory, or add --overwrite."
        )


def _claim(settings: FinetuneSettings, output: Path) -> None:
    """Take the directory; earlier results go, which may be of other runs. Raises SettingsError as hold."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        hold(output)
        write_yaml(settings, output / "run.yaml")
        (output / "results.json").unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(f"--output {output}: cannot be written ({error.strerror}). Name another.") from error


def _plan(legs: Sequence[Leg], states: Sequence[State], output: Path) -> list[tuple[str, str]]:
    rows = [("seeds", f"{len(legs)}, each a run of its own: {output / legs[0].name} to {legs[-1].name}")]
    known = [(leg.name, _STATES[state]) for leg, state in zip(legs, states, strict=True) if state in _STATES]
    return rows + [("", f"{name}: {state}") for name, state in known]


def _gather(settings: FinetuneSettings, done: Sequence[Done]) -> dict[str, object]:
    """What results.json holds: all of the run with the lowest validation CER, the first of several; of each run its
    scores; and how far these are apart."""
    best = min(done, key=_validation_cer)
    rows = read_test(settings, str(best.leg.directory), settings.units)
    judged = [judge_saved(str(one.leg.directory), rows, split="test", units=settings.units) for one in done]
    edits = [one.edits for one in judged]
    # What a system that makes no errors gains over ours is our error rate.
    flawless = [one * (0, 1, 0, 1) for one in edits]
    mean = compare_seeds(flawless, edits, judged[0].spaced, rows["speaker"][:])
    scores = [one.scores for one in done if one.scores]
    runs = [
        {
            "seed": one.leg.settings.seed,
            "directory": one.leg.name,
            "after": one.scores,
            "validation_cer": _validation_cer(one),
            "steps": one.steps,
            "seconds": one.seconds,
        }
        for one in done
    ]
    seeds = {
        "runs": runs,
        "best": best.leg.name,
        "cer": _spread([one["cer"] for one in scores], mean["cer"]),
        "wer": _spread([one["wer"] for one in scores], mean["wer"]),
        "interval": mean["interval"],
    }
    return {**best.results, "command": settings.command_line(), "seeds": seeds}


def _validation_cer(one: Done) -> float:
    return float(cast("float", one.training["best_validation_cer"]))


def _spread(rates: Sequence[Rate | None], mean: Difference | None) -> dict[str, float] | None:
    """The mean of an error rate with its 95 % interval over utterances and seeds, and how far the seeds are apart; None
    of words where they are not spaced. The standard deviation is the estimate for all seeds from these few."""
    if mean is None:
        return None
    values = [rate["value"] for rate in rates if rate]
    return {
        "mean": float(np.mean(values)),
        "low": mean["low"],
        "high": mean["high"],
        "standard_deviation": float(np.std(values, ddof=1)),
        "lowest": min(values),
        "highest": max(values),
    }

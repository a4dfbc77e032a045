"""What each stage of a transfer was worth: the same without it, and the direct route, given as much training time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import datasets
import numpy as np

from hf_speech_tl.errors import DataError
from hf_speech_tl.models import read_writing
from hf_speech_tl.scoring import Comparison, compare_seeds, rate
from hf_speech_tl.settings import FinetuneSettings, Leg, SelftrainSettings, Stage, TransferSettings, lay_route
from hf_speech_tl.stages.judgement import Judgement
from hf_speech_tl.stages.reading import read_test
from hf_speech_tl.stages.routes.common_units import common_units, judge_in
from hf_speech_tl.stages.routes.leg import Done

DIRECT = "direct"
# What was said of a stage that goes on with what others have learnt, and is not meant for random weights, of which most
# would be refused: where it is the first of a shortcut, it does what finetune does by itself.
_FOR_TRAINED = ("tuning", "lora_rank", "freeze_layers", "learning_rate", "head_learning_rate", "head_steps")

Go = Callable[[Sequence[Leg]], list[Done]]


@dataclass(frozen=True)
class Shortcut:
    """A route without some stages. name: of its directory."""

    name: str
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Routes:
    """With one seed: the stages of the whole route, and of each shortcut by its name."""

    whole: list[Done]
    shortcuts: dict[str, list[Done]]


def find_shortcuts(stages: Sequence[Stage]) -> tuple[Shortcut, ...]:
    """The route without each stage but the target, and the direct one, without all of these."""
    names = [stage.name for stage in stages if stage.name != "target"]
    single = [Shortcut(f"without-{name}", (name,)) for name in names] if len(names) > 1 else []
    return (*single, Shortcut(DIRECT, tuple(names)))


def count_runs(settings: TransferSettings) -> int:
    """How many stages are gone through on all routes with all seeds, those that routes share counted for each."""
    each = [len(settings.stages) - len(way.left_out) for way in find_shortcuts(settings.stages)]
    return settings.seeds * (len(settings.stages) + sum(each))


def lay_shortcut(settings: TransferSettings, shortcut: Shortcut, whole: Sequence[Done]) -> tuple[Leg, ...]:
    """The stages that are left, where the target is given as many seconds more as those that are left out took.

    Stages before the first that is left out are those of the whole route. Raises SettingsError as lay_route.
    """
    names = [one.leg.name for one in whole]
    # The target has a length of its own on each route.
    shared = [one.leg for one in whole[: min(map(names.index, (*shortcut.left_out, "target")))]]
    stages: list[Stage] = []
    for stage in settings.stages[len(shared) :]:
        if stage.name in shortcut.left_out:
            continue
        own = dict(stage.own)
        if stage.name != "pretrain" and not shared and not stages and settings.from_scratch:
            own = {key: value for key, value in own.items() if key not in _FOR_TRAINED}
            own |= {"learning_rate": "auto", "head_learning_rate": "auto", "head_steps": 0}
        if stage.name == "target":
            own |= _lengthened(whole, shortcut.left_out)
        stages.append(Stage(stage.name, own))
    # Without the stage `source`, nothing is heard of its recordings.
    mix = 0.0 if "source" in shortcut.left_out else settings.mix
    place = replace(settings, mix=mix, output=cast("Path", settings.output) / shortcut.name, resume=None)
    return lay_route(place, stages, after=shared)


def travel(settings: TransferSettings, go: Go, arrived: Callable[[list[Done]], object]) -> Iterator[Routes]:
    """Go all routes with one seed after the other, the first where `settings` say, each other one in a directory of its
    own. arrived: is told of the whole route with the first seed, before any other is gone."""
    output = cast("Path", settings.output)
    for seed in range(settings.seed, settings.seed + settings.seeds):
        place = output if seed == settings.seed else output / f"seed-{seed}"
        seeded = replace(settings, seed=seed, seeds=1, output=place, resume=None)
        whole = go(lay_route(seeded))
        if seed == settings.seed:
            arrived(whole)
        ways = find_shortcuts(settings.stages)
        yield Routes(whole, {way.name: go(lay_shortcut(seeded, way, whole)) for way in ways})


def compare_routes(
    settings: TransferSettings, travelled: Sequence[Routes], known: dict[tuple[Path, str], Judgement]
) -> dict[str, object]:
    """What results.json has as `ablation`: of the whole route and each shortcut the CER and the seconds, means over
    the seeds, `seeds_ended_early`, of which a stage ended early, and the paired `gain` of the whole over each; likewise
    that of the model that the target stage leaves over the one that it begins with, romanised where that writes other
    `units`, and the CER of both.

    known: models that were judged before in such units, which are not judged again; those that are judged now join
    them.
    """
    last = cast("FinetuneSettings | SelftrainSettings", travelled[0].whole[-1].leg.settings)
    written = last.units or settings.units

    def read(units: str) -> datasets.Dataset:
        return read_test(last, str(last.output), units)

    def judged(places: Sequence[Path], rows: datasets.Dataset, units: str) -> list[Judgement]:
        for place in places:
            if (place, units) not in known or len(known[place, units].edits) != len(rows):  # a recording has gone
                known[place, units] = judge_in(units, str(place), rows)
        return [known[place, units] for place in places]

    def gain(ours: Sequence[Judgement], theirs: Sequence[Judgement], rows: datasets.Dataset) -> Comparison:
        edits = [one.edits for one in ours]
        return compare_seeds(edits, [one.edits for one in theirs], ours[0].spaced, rows["speaker"][:])

    rows, ends = read(written), [one.whole[-1].leg.directory for one in travelled]
    ours = judged(ends, rows, written)
    told: dict[str, object] = {
        "seeds": [settings.seed + at for at in range(len(travelled))],
        "whole": _described([one.whole for one in travelled], ours),
    }
    for name in travelled[0].shortcuts:
        routes = [one.shortcuts[name] for one in travelled]
        theirs = judged([route[-1].leg.directory for route in routes], rows, written)
        told[name] = {**_described(routes, theirs), "gain": gain(ours, theirs, rows)}
    before, after = _around_target(travelled, last)
    units = common_units(str(before[0]), str(after[0])) if before else None
    if units and units != written:
        try:
            rows = read(units)
        except DataError:  # too few transcripts can be romanised, and all else is known
            return told
    if units and len(rows):
        ours, theirs = judged(after, rows, units), judged(before, rows, units)
        found = {"cer": _mean_cer(theirs), "target_cer": _mean_cer(ours), "gain": gain(ours, theirs, rows)}
        told["without-target"] = found | ({"units": units} if units != written else {})
    return told


def gains(ablation: Mapping[str, object], stages: Sequence[Stage]) -> dict[str, Comparison | None]:
    """The gain of each stage by its name, None where it cannot be told."""
    names = [stage.name for stage in stages]
    ways = {way.left_out[0]: way.name for way in find_shortcuts(stages) if len(way.left_out) == 1}
    ways["target"] = "without-target"
    found = {name: cast("Mapping[str, Comparison] | None", ablation.get(ways[name])) for name in names}
    return {name: told["gain"] if told else None for name, told in found.items()}


def _lengthened(whole: Sequence[Done], left_out: Sequence[str]) -> dict[str, object]:
    """Settings that give the target the seconds of the stages that are left out: as many steps as it would have made in
    them at its precision, for it is validated as often, however long it is.

    Minutes are not added up: the pace that is measured before a training differs by a tenth from the one in it, and so
    would the seconds of the routes.
    """
    stages = {one.leg.name: one for one in whole}
    target = stages["target"]
    spared = sum(stages[name].seconds for name in left_out)
    if early := cast("Mapping[str, int] | None", target.training.get("ended_early")):  # which left out validations
        spared = max(0.0, spared - target.evaluation_seconds * (early["planned"] / target.steps - 1))
    seconds = max(target.seconds, 0.1)  # which are rounded to that
    stepping = max(seconds - target.evaluation_seconds, seconds / 10)  # of runs so short that nothing is left of them
    steps = target.steps + round(target.steps * spared / stepping)
    return {"max_minutes": "none", "max_steps": steps, "epochs": "none", "precision": target.training["precision"]}


def _around_target(
    travelled: Sequence[Routes], target: FinetuneSettings | SelftrainSettings
) -> tuple[list[Path], list[Path]]:
    """The models that the target stages begin with, and those that they leave; none where the first have no head or
    write other Chinese characters."""
    at = [stage.leg.name for stage in travelled[0].whole].index("target")
    if at == 0 or any(one.whole[at - 1].scores is None for one in travelled):
        return [], []
    before, after = ([one.whole[number].leg.directory for one in travelled] for number in (at - 1, at))
    writing = read_writing(str(before[0]))
    return (before, after) if writing and writing.simplify == target.simplify else ([], [])


def _described(routes: Sequence[Sequence[Done]], judged: Sequence[Judgement]) -> dict[str, object]:
    seconds = [sum(one.seconds for one in route) for route in routes]
    early = [any(one.training.get("ended_early") for one in route) for route in routes]
    return {"cer": _mean_cer(judged), "seconds": round(float(np.mean(seconds)), 1), "seeds_ended_early": sum(early)}


def _mean_cer(judged: Sequence[Judgement]) -> float:
    return float(np.mean([rate(one.edits[:, :2]) for one in judged]))

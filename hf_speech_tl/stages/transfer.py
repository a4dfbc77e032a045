"""Several stages one after the other, each of which begins with what the one before left in its directory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from accelerate import PartialState

from hf_speech_tl.corpora import Corpus, load_corpus
from hf_speech_tl.errors import RunError
from hf_speech_tl.scoring import Scores
from hf_speech_tl.settings import (
    AUTO,
    FinetuneSettings,
    Leg,
    PretrainSettings,
    TransferSettings,
    lay_route,
    read_yaml,
    write_yaml,
)
from hf_speech_tl.stages import finetune, pretrain
from hf_speech_tl.stages.environment import describe_environment
from hf_speech_tl.stages.ledger import Ledger, State, begins_with, claim, describe
from hf_speech_tl.stages.plan import clock, show_plan
from hf_speech_tl.stages.preset import choose_preset
from hf_speech_tl.stages.processes import agree, join_processes
from hf_speech_tl.stages.reading import progress_of
from hf_speech_tl.stages.results import write_results

_STATES = {"complete": "complete", "resume": "goes on from its checkpoint", "anew": "to be done"}


@dataclass(frozen=True)
class Done:
    """A stage that is complete: what its results.json holds, and whether this call had to do it."""

    leg: Leg
    results: dict[str, object]
    repeated: bool

    @property
    def scores(self) -> Scores | None:
        """On the test split of its own data; None of an encoder without a head."""
        return cast("Scores | None", self.results.get("after"))

    @property
    def seconds(self) -> float:
        """Of training and validation."""
        return float(cast("dict[str, float]", self.results["training"])["seconds"])


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
    states = agree(processes, lambda: _survey(settings, legs, read))
    agree(processes, lambda: claim(settings))
    if processes.is_main_process and not settings.quiet:
        show_plan([*told, *_plan(settings, legs, states, read)])
    try:
        done = [follow(leg, read, processes, output, overwrite=settings.overwrite) for leg in legs]
    except KeyboardInterrupt:
        # What a stage has saved, the same command finds; so it does what earlier stages have left.
        raise KeyboardInterrupt(str(output)) from None
    if not processes.is_main_process:
        return {}
    results = _gather(settings, done)
    write_results(results, output / "results.json")
    results["output"] = str(output)  # told, not stored: results.json travels
    return results


def follow(leg: Leg, read: Corpora, processes: PartialState, within: Path, *, overwrite: bool) -> Done:
    """Do a stage, or find it complete. within: the directory whose ledger knows it."""
    state = agree(processes, lambda: _begin(leg, read, within, overwrite))
    settings = leg.settings
    if state == "resume":
        settings = replace(settings, output=None, resume=str(leg.directory))
    elif state == "anew":
        settings = replace(settings, overwrite=True)  # of a stage of ours only; find_output sees to that
    if state != "complete":
        if isinstance(settings, PretrainSettings):
            pretrain.run(settings)
        else:
            finetune.run(settings)
        processes.wait_for_everyone()
    try:
        results = json.loads((leg.directory / "results.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{leg.directory / 'results.json'}: cannot be read ({error}). Remove the stage.") from error
    return Done(leg, results, repeated=state != "complete")


class Corpora:
    """The corpora of stages, each read once: their hours, and the hash of their content."""

    def __init__(self, *, quiet: bool) -> None:
        """quiet: no bar while a corpus is read."""
        self._quiet = quiet
        self._known: dict[str, Corpus] = {}

    def of(self, leg: Leg) -> Corpus:
        """As it is before screening. Raises SettingsError and DataError as load_corpus."""
        asked = leg.settings
        labelled = isinstance(asked, FinetuneSettings)
        key = repr((asked.data, asked.lang, asked.text_column, asked.tier, labelled))
        if key not in self._known:
            with progress_of(f"looking at every recording of {leg.name}", quiet=self._quiet) as progress:
                self._known[key] = load_corpus(
                    asked.data,
                    asked.lang,
                    text_column=asked.text_column,
                    tier=asked.tier,
                    labelled=labelled,
                    progress=progress,
                )
        return self._known[key]


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


def _survey(settings: TransferSettings, legs: Sequence[Leg], read: Corpora) -> list[State]:
    """How each stage stands; SettingsError where one holds what the settings would lose."""
    ledger = Ledger(cast("Path", settings.output))
    states: list[State] = []
    for leg in legs:
        # Behind a stage that is to be done, the model is not known yet.
        model = begins_with(leg) if all(state == "complete" for state in states) else None
        states.append(
            ledger.standing(leg, describe(leg, read.of(leg).fingerprint, model), overwrite=settings.overwrite)
        )
    return states


def _begin(leg: Leg, read: Corpora, within: Path, overwrite: bool) -> State:
    ledger = Ledger(within)
    inputs = describe(leg, read.of(leg).fingerprint, begins_with(leg))
    state = ledger.standing(leg, inputs, overwrite=overwrite)
    if state == "anew":
        ledger.begin(leg, inputs)
    elif state == "resume":
        # The whole may have been moved since: the same inputs, in other places.
        write_yaml(leg.settings, leg.directory / "run.yaml")
    return state


def _plan(
    settings: TransferSettings, legs: Sequence[Leg], states: Sequence[State], read: Corpora
) -> list[tuple[str, str]]:
    rows = [("stages", f"{len(legs)} in {settings.output}, begun with {settings.model}")]
    for leg, state in zip(legs, states, strict=True):
        corpus = read.of(leg)
        names = ", ".join(corpus.names)
        much = clock(sum(corpus.train["seconds"][:]))
        rows.append((leg.directory.name, f"{much} of training recordings ({names}); {_STATES[state]}"))
    return rows


def _gather(settings: TransferSettings, done: Sequence[Done]) -> dict[str, object]:
    """What results.json holds: of the last stage, and a row for each."""
    last = done[-1].results
    rows = [
        {
            "name": one.leg.name,
            "directory": one.leg.directory.name,
            "after": one.scores,
            "seconds": one.seconds,
            "steps": cast("dict[str, object]", one.results["training"])["steps"],
        }
        for one in done
    ]
    return {
        **last,
        "command": settings.command_line(),
        "lang": settings.lang,
        "stages": rows,
        "environment": describe_environment(),
    }

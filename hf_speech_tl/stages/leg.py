"""A stage of a transfer: how it stands, and how it is done or found complete."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from accelerate import PartialState

from hf_speech_tl.corpora import Corpus, digest, load_corpus
from hf_speech_tl.errors import RunError
from hf_speech_tl.scoring import Scores
from hf_speech_tl.settings import Leg, PretrainSettings, SelftrainSettings, write_yaml
from hf_speech_tl.stages import finetune, pretrain, selftrain
from hf_speech_tl.stages.ledger import Ledger, State, begins_with, describe
from hf_speech_tl.stages.processes import agree
from hf_speech_tl.stages.reading import progress_of


@dataclass(frozen=True)
class Done:
    """A stage that is complete, and what its results.json holds."""

    leg: Leg
    results: dict[str, object]

    @property
    def scores(self) -> Scores | None:
        """On the test split of its own data; None of an encoder without a head."""
        return cast("Scores | None", self.results.get("after"))

    @property
    def training(self) -> dict[str, object]:
        """What results.json says of the training."""
        return cast("dict[str, object]", self.results["training"])

    @property
    def seconds(self) -> float:
        """Of training and validation."""
        return float(cast("float", self.training["seconds"]))

    @property
    def steps(self) -> int:
        """Of the optimiser."""
        return cast("int", self.training["steps"])


class Corpora:
    """The corpora of stages, each read once: their hours, and the hash of their content."""

    def __init__(self, *, quiet: bool) -> None:
        """quiet: no bar while a corpus is read."""
        self._quiet = quiet
        self._known: dict[str, Corpus] = {}

    def of(self, leg: Leg) -> Corpus:
        """As it is before screening. Raises SettingsError and DataError as load_corpus."""
        asked = leg.settings
        labelled = not isinstance(asked, PretrainSettings)
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

    def unlabelled(self, leg: Leg) -> Corpus | None:
        """What a stage learns from beside it, without transcripts; None for stages of other commands."""
        if not isinstance(leg.settings, SelftrainSettings):
            return None
        key = repr((leg.settings.unlabelled, leg.settings.lang))
        if key not in self._known:
            with progress_of("looking at every recording of --unlabelled", quiet=self._quiet) as progress:
                self._known[key] = load_corpus(
                    leg.settings.unlabelled, leg.settings.lang, labelled=False, divided=False, progress=progress
                )
        return self._known[key]

    def fingerprint(self, leg: Leg) -> str:
        """A hash of the content of all that a stage hears."""
        beside = self.unlabelled(leg)
        heard = self.of(leg).fingerprint
        return digest([(heard, beside.fingerprint)]) if beside else heard


def survey(legs: Sequence[Leg], read: Corpora, within: Path, *, overwrite: bool) -> list[State]:
    """How each stage stands, before anything is done. within: the directory whose ledger knows them.

    Raises SettingsError where one holds what would be lost, as Ledger.standing.
    """
    ledger = Ledger(within)
    states: list[State] = []
    for leg in legs:
        # Behind a stage that is to be done, the model is not known yet.
        model = begins_with(leg) if all(state == "complete" for state in states) else None
        states.append(ledger.standing(leg, describe(leg, read.fingerprint(leg), model), overwrite=overwrite))
    return states


def follow(leg: Leg, read: Corpora, processes: PartialState, within: Path, *, overwrite: bool) -> Done:
    """Do a stage, go on with it, or find it complete. Raises as the stage does, and as Ledger.standing."""
    state = agree(processes, lambda: _begin(leg, read, within, overwrite))
    settings = leg.settings
    if state == "resume":
        settings = replace(settings, output=None, resume=str(leg.directory))
    elif state == "anew":
        settings = replace(settings, overwrite=True)  # of a stage of ours only; find_output sees to that
    if state != "complete":
        if isinstance(settings, PretrainSettings):
            pretrain.run(settings)
        elif isinstance(settings, SelftrainSettings):
            selftrain.run(settings)
        else:
            finetune.run(settings)
        processes.wait_for_everyone()
    try:
        return Done(leg, json.loads((leg.directory / "results.json").read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise RunError(f"{leg.directory / 'results.json'}: cannot be read ({error}). Remove the stage.") from error


def _begin(leg: Leg, read: Corpora, within: Path, overwrite: bool) -> State:
    ledger = Ledger(within)
    inputs = describe(leg, read.fingerprint(leg), begins_with(leg))
    state = ledger.standing(leg, inputs, overwrite=overwrite)
    if state == "anew":
        ledger.begin(leg, inputs)
    elif state == "resume":
        # The whole may have been moved since: the same inputs, in other places.
        write_yaml(leg.settings, leg.directory / "run.yaml")
    return state

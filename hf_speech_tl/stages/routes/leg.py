"""A stage of a transfer: how it stands, and how it is done or found complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from accelerate import PartialState

from hf_speech_tl.corpora import Corpus, digest, load_corpus
from hf_speech_tl.errors import DataError, named_by
from hf_speech_tl.scoring import Scores
from hf_speech_tl.settings import Leg, PretrainSettings, SelftrainSettings, Source, write_yaml
from hf_speech_tl.settings.stage import STAGES
from hf_speech_tl.stages import finetune, pretrain, selftrain
from hf_speech_tl.stages.reading import progress_of
from hf_speech_tl.stages.routes.ledger import Ledger, State, begins_with, describe
from hf_speech_tl.stages.runs.processes import agree
from hf_speech_tl.stages.runs.wholeness import read_results


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
    def evaluation_seconds(self) -> float:
        """Of `seconds`, those of validation; 0 of a stage that an older version trained, which does not say."""
        return float(cast("float", self.training.get("evaluation_seconds", 0.0)))

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
        how = {"text_column": asked.text_column, "tier": asked.tier, "labelled": labelled}
        return self._read(leg.name, asked.data, asked.lang, how)

    def unlabelled(self, leg: Leg) -> Corpus | None:
        """What a stage learns from beside it, without transcripts; None for stages of other commands."""
        asked = leg.settings
        if not isinstance(asked, SelftrainSettings):
            return None
        return self._read("--unlabelled", asked.unlabelled, asked.lang, {"labelled": False, "divided": False})

    def _read(self, whose: str, sources: Sequence[str | Source], lang: str | None, how: dict[str, Any]) -> Corpus:
        key = repr((sources, lang, how))
        if key not in self._known:
            named = named_by(_named(whose), "--data")
            with named, progress_of(f"looking at every recording of {whose}", quiet=self._quiet) as progress:
                self._known[key] = load_corpus(sources, lang, progress=progress, **how)
        return self._known[key]

    def fingerprint(self, leg: Leg) -> str:
        """A hash of the content of all that a stage hears."""
        beside = self.unlabelled(leg)
        heard = self.of(leg).fingerprint
        return digest([(heard, beside.fingerprint)]) if beside else heard


def _named(whose: str) -> str:
    """The option that names what a run has as --data: by the stage of a transfer; any other option as it is."""
    named = {"source": "--source", "--unlabelled": "--unlabelled"}
    return named.get(whose, "--target" if whose in STAGES else "--data")


def survey(legs: Sequence[Leg], read: Corpora, within: Path, *, overwrite: bool) -> list[State]:
    """How each stage stands, before anything is done. within: the directory whose ledger knows them.

    Raises SettingsError where one holds what would be lost, as Ledger.standing; DataError where one will have nothing
    to learn from or to be judged by.
    """
    ledger = Ledger(within)
    states: list[State] = []
    for leg in legs:
        _refuse_empty(leg, read.of(leg))
        # Behind a stage that is to be done, the model is not known yet.
        model = begins_with(leg) if all(state == "complete" for state in states) else None
        states.append(ledger.standing(leg, describe(leg, read.fingerprint(leg), model), overwrite=overwrite))
    return states


def _refuse_empty(leg: Leg, corpus: Corpus) -> None:
    """Before earlier stages are trained for nothing; what else is lost in screening, the stage itself tells."""
    splits = {"training": corpus.train, "validation": corpus.validation, "test": corpus.test}
    if isinstance(leg.settings, PretrainSettings):
        del splits["test"]
    for name, rows in splits.items():
        if not len(rows):
            raise DataError(
                f"stage {leg.name}: of {', '.join(corpus.names)} no recording is left for {name}. Add some to it."
            )
        shortest, longest = min(rows["seconds"][:]), leg.settings.max_seconds
        if shortest > longest:
            raise DataError(
                f"stage {leg.name}: of {', '.join(corpus.names)} no recording for {name} is short enough: the shortest "
                f"has {shortest:.1f} s, --max-seconds is {longest:g}. Cut them at pauses, or raise --max-seconds."
            )


def follow(leg: Leg, read: Corpora, processes: PartialState, within: Path, *, overwrite: bool, times: int = 1) -> Done:
    """Do a stage, go on with it, or find it complete; times: as finetune.run has it. Raises as the stage does, and as
    Ledger.standing."""
    state = agree(processes, lambda: _begin(leg, read, within, overwrite))
    settings = leg.settings
    if state == "resume":
        settings = replace(settings, output=None, resume=str(leg.directory))
    elif state == "anew":
        settings = replace(settings, overwrite=True)  # of a stage of ours only; find_output sees to that
    if state != "complete":
        with named_by(_named(leg.name), "--data"):
            if isinstance(settings, PretrainSettings):
                pretrain.run(settings)
            elif isinstance(settings, SelftrainSettings):
                selftrain.run(settings)
            else:
                finetune.run(settings, times=times)
        processes.wait_for_everyone()
    return Done(leg, read_results(leg.directory / "results.json"))


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

"""What a transfer has done already: from what each of its stages was made, by content and not by name or place."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, cast

from transformers.utils import cached_file

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models import place_of, read_writing
from hf_speech_tl.settings import STARTER, Leg, TransferSettings, plain_values, write_yaml
from hf_speech_tl.stages.routes.summary import find_loss
from hf_speech_tl.stages.runs.holding import hold
from hf_speech_tl.stages.runs.output import (
    check_place,
    find_output,
    holds_something,
    is_run,
    run_command,
    unfinished,
    write_json,
)
from hf_speech_tl.stages.runs.wholeness import find_damage

# complete: with the same inputs, so it is not run. resume: it goes on from a checkpoint. anew: from its beginning.
State = Literal["complete", "resume", "anew"]
# Settings that name what is known by its content, and the number of runs, of which each is one.
_BESIDE = ("model", "config", "data", "unlabelled", "from_scratch", "seeds")
_ABSENT = "none"  # a setting that a run of an older version does not have
_FILES = ("*.safetensors", "*.bin", "*.json")  # of a model
_UNTOLD = ("results.json",)  # which holds times; of what it says, the units and the language decide


@dataclass(frozen=True)
class Inputs:
    """What decides what a stage makes. settings: as YAML has them, without places; data: the fingerprint of its
    corpora; model: a hash of what it begins with, None while an earlier stage has still to make it."""

    settings: Mapping[str, object]
    data: str
    model: str | None


class Ledger:
    """The inputs with which each stage in a directory was begun, kept in its ledger.json."""

    def __init__(self, directory: Path) -> None:
        """SettingsError where the file is there and cannot be read."""
        self._path = directory / "ledger.json"
        self._entries: dict[str, Inputs] = {}
        if self._path.is_file():
            try:
                stored = json.loads(self._path.read_text("utf-8"))
                self._entries = {name: Inputs(**entry) for name, entry in stored.items()}
            except (OSError, ValueError, TypeError, AttributeError) as error:
                raise SettingsError(
                    f"{self._path}: is damaged ({error}), so it is not known from what the stages beside it were made. "
                    "Name another --output."
                ) from error

    def standing(self, leg: Leg, inputs: Inputs, *, overwrite: bool) -> State:
        """What is to be done for a stage.

        Raises SettingsError where its directory holds one of other inputs, or a damaged one, unless that may be
        overwritten, and where what a stage begins with lies where it would write.
        """
        state = self._standing(leg, inputs, overwrite=overwrite)
        if state == "anew":
            find_output(replace(leg.settings, overwrite=True))  # before anything that is there goes
        return state

    def _standing(self, leg: Leg, inputs: Inputs, *, overwrite: bool) -> State:
        directory = leg.directory
        if not directory.is_dir() or not any(directory.iterdir()):
            return "anew"
        if not is_run(directory) and holds_something(directory):
            raise SettingsError(
                f"{directory}: holds something that is not a run of ours, and is left alone. Name another --output."
            )
        finished = (directory / "results.json").is_file()
        if not finished and unfinished(directory) is None:
            return "anew"  # it came to nothing
        if different := self._differences(leg, inputs):
            if not overwrite:
                raise SettingsError(
                    f"{directory}: holds a run that was made from other inputs ({'; '.join(different)}). Add "
                    "--overwrite to make it anew, or name another --output."
                )
            return "anew"
        if finished and (damage := find_damage(directory)):
            if not overwrite:
                raise SettingsError(
                    f"{directory}: holds a run that is not whole: {damage}. Bring the file back, or add --overwrite "
                    "to make the run anew."
                )
            return "anew"
        return "complete" if finished else "resume"

    def begin(self, leg: Leg, inputs: Inputs) -> None:
        """Note from what a stage is made, before anything of it is written.

        Earlier results and checkpoints go first, so that at no moment they stand beside the inputs of another.
        """
        (leg.directory / "results.json").unlink(missing_ok=True)
        for begun in ("checkpoints", "rounds"):
            shutil.rmtree(leg.directory / begun, ignore_errors=True)
        self._entries[self._name(leg)] = inputs
        write_json({name: asdict(entry) for name, entry in self._entries.items()}, self._path)

    def _name(self, leg: Leg) -> str:
        return leg.directory.relative_to(self._path.parent).as_posix()

    def _differences(self, leg: Leg, inputs: Inputs) -> list[str]:
        known = self._entries.get(self._name(leg))
        if known is None:
            return ["which, is not known"]
        keys = sorted({*known.settings, *inputs.settings})
        values = {key: [told.settings.get(key, _ABSENT) for told in (known, inputs)] for key in keys}
        different = [
            f"--{key.replace('_', '-')} {there} there, {here} here"
            for key, (there, here) in values.items()
            if there != here
        ]
        if known.data != inputs.data:
            different.append("other recordings or transcripts")
        if inputs.model is not None and known.model != inputs.model:
            different.append("another model to begin with")
        return different


def describe(leg: Leg, data: str, model: str | None) -> Inputs:
    """The inputs of a stage. data: the fingerprint of its corpora, model: the hash of what it begins with."""
    values = {key: value for key, value in plain_values(leg.settings).items() if key not in _BESIDE}
    # As JSON has it again: tuples are lists.
    return Inputs(json.loads(json.dumps({**values, "sources": _sources(leg)})), data, model)


def begins_with(leg: Leg) -> str:
    """A hash of the model that a stage begins with: of its files, of a Hub id and its commit, or of a shape alone.

    SettingsError where there is no such directory.
    """
    model, config = leg.settings.model, getattr(leg.settings, "config", None)
    fresh = model is None or getattr(leg.settings, "from_scratch", False)
    place = place_of(model or config or STARTER)
    if os.path.exists(place):
        return _content(Path(place), fresh)
    try:
        found = cached_file(place, "config.json")
    except OSError:  # the stage tells what is wrong with it
        found = None
    return f"{place}@{Path(found).parent.name if found else 'unknown'}{' without weights' if fresh else ''}"


def check_claim(settings: TransferSettings) -> None:
    """Raise SettingsError where the directory of a transfer cannot be written, or holds something else, or results that
    would be lost, unless these may be overwritten."""
    directory = settings.output
    assert directory is not None, "settings name one"
    check_place(directory)
    if holds_something(directory) and not (is_run(directory) and run_command(directory) == settings.command):
        raise SettingsError(
            f"--output {directory}: holds something that is not a transfer of ours, and is left alone. Name an empty "
            "or new directory."
        )
    if not settings.overwrite and (loss := find_loss(settings)):
        raise SettingsError(
            f"--output {directory}: its results.json {loss}, which would be lost. Name another directory, or add "
            "--overwrite."
        )


def claim(settings: TransferSettings) -> None:
    """Take the directory of a transfer. Raises SettingsError as check_claim and hold."""
    check_claim(settings)
    directory = cast("Path", settings.output)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        hold(directory)
        if settings.overwrite and find_loss(settings):  # first, so that what is stopped goes on without --overwrite
            (directory / "results.json").unlink()
        write_yaml(settings, directory / "run.yaml")
    except OSError as error:
        raise SettingsError(f"--output {directory}: cannot be written ({error.strerror}). Name another.") from error


def _sources(leg: Leg) -> list[object]:
    """What is said of the sources beside where they are."""
    sources = (*leg.settings.data, *getattr(leg.settings, "unlabelled", ()))
    plain = [{} if isinstance(source, str) else asdict(source) for source in sources]
    # Two keys are younger than the ledgers of others: only where they are said do they make a stage another one.
    unsaid = {("labelled", True), ("units", None)}
    return [
        {key: value for key, value in source.items() if key != "source" and (key, value) not in unsaid}
        for source in plain
    ]


def _content(place: Path, fresh: bool) -> str:
    state = hashlib.blake2b(digest_size=16)
    if place.is_file():
        return _hash(place, state)
    patterns = ("config.json",) if fresh else _FILES
    for path in sorted({path for pattern in patterns for path in place.glob(pattern)}):
        if path.name not in _UNTOLD:
            state.update(path.name.encode())
            _hash(path, state)
    if not fresh:
        state.update(repr(read_writing(str(place))).encode())  # by which a new head takes over the rows of the old
    return state.hexdigest()


def _hash(path: Path, state: hashlib.blake2b) -> str:
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            state.update(block)
    return state.hexdigest()

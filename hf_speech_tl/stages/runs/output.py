"""The directory a run writes into: claimed, gone on with, and never one that holds something else."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, fields, replace
from pathlib import Path

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models import split_layer
from hf_speech_tl.settings import FinetuneSettings, RunSettings, Source, read_yaml, write_yaml
from hf_speech_tl.settings.option import flag, options
from hf_speech_tl.stages.runs.holding import hold
from hf_speech_tl.training import latest

# What a run writes beside run.yaml and its checkpoints; nothing else is ever removed from its directory.
_MODEL = (
    *("model.safetensors", "config.json", "processor_config.json", "preprocessor_config.json", "vocab.json", "adapter"),
    *("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
)
_WRITTEN = (
    *(*_MODEL, "README.md", "results.json", "results.part", "skipped.csv", "head.csv", "training.svg", "rounds"),
    *("log.jsonl", "log.part", "error.log", "tensorboard", ".saving"),
)


@dataclass(frozen=True)
class Output:
    """directory: where the run writes; checkpoint: what it goes on from, the Trainer's checkpoint or the folder of the
    rounds of self-training; None for a new run."""

    directory: Path
    checkpoint: Path | None

    @property
    def checkpoints(self) -> Path:
        """Where the Trainer keeps its checkpoints until the run is complete."""
        return self.directory / "checkpoints"

    @property
    def rounds(self) -> Path:
        """Where self-training keeps its rounds, a folder each."""
        return self.directory / "rounds"


def write_json(value: object, path: Path) -> None:
    """Write JSON beside and rename it: the file is there whole, or not at all."""
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", "utf-8")
    os.replace(beside, path)


def find_output(settings: RunSettings) -> Output:
    """The directory of a run, or the checkpoint to go on from; nothing is written or removed yet.

    Raises SettingsError where the directory holds something else, or where there is nothing to resume.
    """
    if settings.resume is not None:
        return _resumed(settings)
    directory = settings.output
    assert directory is not None, "the settings of a new run name one"
    check_place(directory)
    for name, place in _inputs(settings):
        if os.path.exists(place) and Path(place).resolve().is_relative_to(directory.resolve()):
            raise SettingsError(
                f"--output {directory}: holds {name} {place}, which would be lost. Name another directory."
            )
    _refuse_what_is_there(directory, settings)
    return Output(directory, None)


def _refuse_what_is_there(directory: Path, settings: RunSettings) -> None:
    """SettingsError for all but an empty directory, or a run that may be overwritten."""
    if not holds_something(directory):
        return
    if not is_run(directory):
        raise SettingsError(
            f"--output {directory}: holds something that is not a run of ours, and is left alone. "
            "Name an empty or new directory."
        )
    if run_command(directory) == "transfer":
        raise SettingsError(
            f"--output {directory}: holds a transfer, which would be lost with what its stages were worth. Name "
            "another directory."
        )
    if holds_seeds(directory):
        raise SettingsError(
            f"--output {directory}: holds runs with several seeds, and what they came to would be lost. Name another "
            "directory."
        )
    if not settings.overwrite:
        going_on = f"--resume {directory} to go on with it, " if unfinished(directory) else ""
        raise SettingsError(
            f"--output {directory}: holds an earlier run. Add --overwrite to replace it, {going_on}or name another "
            "directory."
        )


def claim_output(output: Output, settings: RunSettings) -> None:
    """Take the directory, once it is known that there is something to put there: an earlier run goes only now.

    Raises SettingsError where another process writes into it, or has done so since it was found.
    """
    output.directory.mkdir(parents=True, exist_ok=True)
    hold(output.directory)
    if output.checkpoint:
        if not output.checkpoint.exists():
            raise SettingsError(
                f"--resume {output.directory}: another process has gone on with that run meanwhile. See what is there."
            )
        return
    _refuse_what_is_there(output.directory, settings)
    # In an order that a kill does no harm to: old checkpoints never stand beside new settings, and with run.yaml there
    # the directory stays known as ours.
    _remove(output.checkpoints)
    write_yaml(settings, output.directory / "run.yaml")
    for name in _WRITTEN:
        _remove(output.directory / name)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def holds_something(directory: Path) -> bool:
    """Whether there is more in the directory than what a kill leaves of its first file."""
    return directory.is_dir() and any(path.name != "run.yaml.part" for path in directory.iterdir())


def is_run(directory: Path) -> bool:
    """Whether the directory's run.yaml is one that we wrote."""
    path = directory / "run.yaml"
    return path.is_file() and path.read_text("utf-8", errors="replace").startswith("# hf_speech_tl")


def holds_seeds(directory: Path) -> bool:
    """Whether finetune --seeds keeps its runs there, each in a directory of its own."""
    if not is_run(directory) or run_command(directory) != FinetuneSettings.command:
        return False
    try:
        return read_yaml(FinetuneSettings, directory / "run.yaml").seeds > 1
    except SettingsError:  # an old run, of settings that are no more
        return False


def _resumed(settings: RunSettings) -> Output:
    named = settings.output
    runs = [named] if named else sorted(Path("runs").glob("*/"), key=lambda run: run.stat().st_mtime, reverse=True)
    for directory in runs:
        checkpoint = unfinished(directory) if is_run(directory) else None
        if checkpoint is None:
            continue
        try:
            different = _differences(settings, directory / "run.yaml")
        except SettingsError:
            if named and (other := run_command(directory)) == settings.command:
                raise
            if named:
                raise SettingsError(
                    f"--resume {directory}: that run is one of {other}, not of {settings.command}; go on with it: "
                    f"{other} {directory / 'run.yaml'} --resume {directory}"
                ) from None
            continue  # an unrelated old run, of settings that are no more
        if not different:
            return Output(directory, checkpoint)
        if named:
            raise SettingsError(
                f"--resume {directory}: that run has other settings ({'; '.join(different)}). "
                f"Go on with its own: {settings.command} {directory / 'run.yaml'} --resume {directory}"
            )
    if named and (named / "results.json").is_file():
        raise SettingsError(f"--resume {named}: that run is complete. To train its model further, give it as --model.")
    where = named or "with these settings under runs/"
    raise SettingsError(f"--resume: there is no unfinished run {where}. Leave --resume out to begin one.")


def unfinished(directory: Path) -> Path | None:
    """What the run there goes on from, as Output has it; None of one that is complete, or came to none."""
    if (directory / "results.json").is_file():
        return None
    rounds = directory / "rounds"
    return rounds if rounds.is_dir() else latest(directory / "checkpoints")


def remove_model(directory: Path) -> None:
    """Take a saved model out of a run's directory."""
    for name in _MODEL:
        _remove(directory / name)


def _differences(settings: RunSettings, path: Path) -> list[str]:
    """What would make another run of it, with what it was begun with; what concerns one call only may change freely.

    So may the folder that the recordings lie in, which clusters name anew for each job: they are compared by content.
    """
    stored = read_yaml(type(settings), path)
    compared = [field.name for field in fields(settings) if field.compare]
    different = []
    for name in compared:
        began, now = getattr(stored, name), getattr(settings, name)
        if name in ("data", "unlabelled"):
            began, now = _without_folders(began), _without_folders(now)
        if began != now:
            different.append(f"{'--' + name.replace('_', '-')} {_said(began)} there, {_said(now)} here")
    return different


def _inputs(settings: RunSettings) -> list[tuple[str, str]]:
    """What a run reads, by the option that named it."""
    table = options(settings)
    named = [
        (flag(key), getattr(settings, key))
        for key in ("model", "config", "teacher", "cluster_on", "student")
        if key in table and not table[key].choices  # selftrain's --teacher is a choice, and no place
    ]
    return [
        *((key, split_layer(place)[0]) for key, place in named if place),
        *(("--data", str(source)) for source in settings.data),
        *(("--unlabelled", str(source)) for source in getattr(settings, "unlabelled", ())),
    ]


def run_command(directory: Path) -> str:
    """The command that a run's settings are of, as their first line says."""
    first = (directory / "run.yaml").read_text("utf-8", errors="replace").partition("\n")[0]
    return first.rpartition("hf-speech-tl ")[2].partition(" ")[0]


def _without_folders(data: tuple[str | Source, ...]) -> tuple[Source, ...]:
    sources = [source if isinstance(source, Source) else Source(source) for source in data]
    return tuple(replace(source, source=Path(source.source).name) for source in sources)


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return "unset" if value is None else str(value)


def check_place(directory: Path) -> None:
    """SettingsError where no directory can be made or written, before anything is read or trained."""
    if os.path.exists(directory) and not os.path.isdir(directory):
        raise SettingsError(f"--output {directory}: is a file. Name an empty or new directory.")
    try:
        str(directory).encode()
        parent = next(place for place in (directory, *directory.absolute().parents) if place.exists())
    except (OSError, UnicodeEncodeError) as error:
        raise SettingsError(
            f"--output {directory!s:.80}: cannot be a directory here ({error}). Name another."
        ) from error
    if not os.path.isdir(parent) or not os.access(parent, os.W_OK):
        raise SettingsError(f"--output {directory}: {parent} cannot be written to. Name another directory.")


def check_space(output: Output, needed: int, cache: Path | None = None, kept: float = 0.0) -> None:
    """SettingsError where the disk has no room for what a run writes at its fullest; needed: bytes.

    What an earlier run in the directory holds counts as room: it is replaced, or gone on with. kept: bytes that a
    directory `cache` takes at most, which count where it is on the same disk.
    """
    place = _existing(output.directory)
    held = sum(path.stat().st_size for path in output.directory.rglob("*") if path.is_file())
    free = shutil.disk_usage(place).free + held
    beside = kept if cache and place.stat().st_dev == _existing(cache).stat().st_dev else 0.0
    if free < needed + beside:
        more = f", up to {beside / 1e6:.0f} MB in --cache {cache}" if beside else ""
        memory = ", take --cache memory" if beside else ""
        raise SettingsError(
            f"--output {output.directory}: the run writes up to {needed / 1e6:.0f} MB there{more}, and "
            f"{free / 1e6:.0f} MB are free. Make room{memory}, or name a directory on another disk."
        )


def _existing(place: Path) -> Path:
    """A path, or the nearest one above it that is there."""
    return next(one for one in (place, *place.absolute().parents) if one.exists())

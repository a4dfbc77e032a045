"""What the settings of every command that trains have in common: where a run goes on, and how it is asked for."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings.augmentation import Augmentation, plain_augmentation
from hf_speech_tl.settings.command_line import spell
from hf_speech_tl.settings.option import Settings
from hf_speech_tl.settings.run_rows import SEED
from hf_speech_tl.settings.source import Source


def check_reporters(names: Sequence[str]) -> None:
    """Raise SettingsError where the package of a reporter that is asked for is not installed."""
    for reporter in names:
        found = find_spec(reporter)
        # A folder of that name here, such as wandb makes for its files, is found too, but has no origin.
        if found is None or found.origin is None:
            raise SettingsError(
                f"--report-to {reporter}: its package is not installed; run "
                f"`{sys.executable} -m pip install {reporter}`, or leave it out"
            )


def check_last_seed(seed: int, seeds: int) -> None:
    """Raise SettingsError where the last of so many seeds, from `seed` on, would be higher than one may be."""
    if SEED.below is not None and seed + seeds > SEED.below:
        raise SettingsError(
            f"--seed {seed} --seeds {seeds}: the last of so many would be {seed + seeds - 1}; allowed: below "
            f"{SEED.below:.0f}; begin with a lower --seed"
        )


class _Written(Settings, Protocol):
    @property
    def output(self) -> Path | None: ...
    @property
    def overwrite(self) -> bool: ...


class _Resumable(_Written, Protocol):
    @property
    def resume(self) -> str | None: ...


class _Run(_Written, Protocol):
    @property
    def data(self) -> tuple[str | Source, ...]: ...
    @property
    def augment(self) -> tuple[Augmentation, ...] | None: ...


def find_resumed(settings: _Written, resume: str, *, several: bool = False) -> None:
    """Put the directory of the run to go on with into `output`; None stays where that is the newest.

    several: whether it holds several runs, of which --overwrite makes anew those of other inputs alone. Raises
    SettingsError where there is no such directory, or where going on is not all that is asked for.
    """
    if settings.overwrite and not several:
        raise SettingsError("--resume --overwrite: going on and starting anew exclude each other; drop one")
    directory = Path(resume).expanduser() if resume else settings.output
    if directory is not None and not directory.is_dir():
        raise SettingsError(f"--resume: no directory {directory}; allowed: the --output of a run that was stopped")
    if settings.output not in (None, directory):
        raise SettingsError(f"--resume {resume} --output {settings.output}: a run goes on where it is; drop --output")
    object.__setattr__(settings, "output", directory)


def place_run(settings: _Resumable, name: str) -> None:
    """Put into `output` where a run goes on, as find_resumed does, or a place named after it and the time, if none was
    given."""
    if settings.resume is not None:
        find_resumed(settings, settings.resume, several=getattr(settings, "seeds", 1) > 1)
    elif settings.output is None:
        object.__setattr__(settings, "output", Path("runs") / as_file_name(f"{name}-{datetime.now():%Y%m%d-%H%M%S}"))


def as_file_name(text: str) -> str:
    """`text` with a hyphen for whatever not every disk takes in a name."""
    return re.sub(r"[^\w.-]+", "-", text)


def command_line(settings: _Run) -> str:
    """The command that asks for these settings, defaults left out.

    A command line has no place for what one source or augmentation has of its own: there it is the file that asks for
    them.
    """
    details = [plain_augmentation(one) for one in settings.augment or ()]
    sources = (*settings.data, *getattr(settings, "unlabelled", ()))
    own = any(isinstance(source, Source) and source.words is None for source in sources)
    if own or not all(isinstance(x, str) for x in details):
        return f"hf-speech-tl {settings.command} run.yaml"
    return spell(settings)

"""The settings of `push`, and what a repository on the Hub may be called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings.option import Option, check_values


@dataclass(frozen=True, kw_only=True)
class PushSettings:
    """Upload a finished run to the Hugging Face Hub: weights, processor, card, results; one commit."""

    command: ClassVar[str] = "push"
    examples: ClassVar[tuple[str, ...]] = ("runs/first", "runs/first me/mandarin-pinyin --private")

    directory: Path = Option(  # noqa: RUF009 (makes a field)
        "Result", "directory of a finished run", kind=Path, metavar="DIR", positional=True
    ).required()
    repo_id: str | None = Option(
        "Result",
        "OWNER/NAME, or NAME among your own",
        unset="auto",
        metavar="ID",
        positional=True,
        why="named as the directory",
    ).default(None)
    private: bool = Option("Result", "make a new repository private", kind=bool, why="as on the Hub").default(False)

    def __post_init__(self) -> None:
        """Check each value; the directory must be there and the name possible."""
        check_values(self)
        if not self.directory.is_dir():
            raise SettingsError(f"DIR: no directory {self.directory}; allowed: the --output of a finished run")
        if self.repo_id is not None:
            check_repository(self.repo_id, "ID")


def check_repository(name: str, option: str) -> None:
    """Refuse early what the Hub would refuse after hours of training.

    Raises:
        SettingsError: `name`, the value of `option`, is neither OWNER/NAME nor NAME of letters, digits and `-_.`.
    """
    if len(name) > 96 or not re.fullmatch(r"(\w[\w.-]*/)?\w[\w.-]*", name, re.ASCII) or re.search(r"--|\.\.", name):
        raise SettingsError(
            f"{option}: {name!r} cannot be a repository; allowed: OWNER/NAME or NAME of letters, digits, '-', '_', "
            "'.', without '--' and '..', 96 at most; for example me/mandarin-pinyin"
        )

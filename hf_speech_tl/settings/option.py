"""One setting of a command: what `--help` says of it, which values it takes, and how text becomes such a value."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar, cast

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings.augmentation import Augmentation, read_augmentation
from hf_speech_tl.settings.source import Source, read_source
from hf_speech_tl.settings.stage import Stage, read_stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


T = TypeVar("T")
S = TypeVar("S", bound="Settings")


@dataclass(frozen=True)
class Option:
    """A row of the one table from which `--help`, the YAML keys and docs/settings.md are made.

    `why` says where the default comes from; `shown` names a default whose value says too little; `unset` is the word
    for None (`auto`: the run picks, or `none`), empty where None cannot be; `bare` is the value of an option given
    without one; `above`, `at_least` and `below` bound numbers; `recorded` is false for what concerns one call only
    (where to, how loud) and is no part of repeating it.
    """

    group: str
    help: str
    _: dataclasses.KW_ONLY
    why: str = ""
    kind: type = str
    choices: tuple[str, ...] = ()
    many: bool = False
    metavar: str = ""
    shown: str = ""
    unset: str = ""
    bare: str | None = None
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    positional: bool = False
    recorded: bool = True

    def required(self) -> T:  # type: ignore[type-var]  # which type, the field's annotation says
        """A dataclass field without a default."""
        return dataclasses.field(metadata={"option": self})

    def default(self, value: T) -> T:
        """A dataclass field with a default. What concerns one call only does not make two settings differ."""
        return dataclasses.field(default=value, compare=self.recorded, metadata={"option": self})

    @property
    def allowed(self) -> str:
        """The values this option takes, in words."""
        if self.kind is bool:
            return "true or false"
        words = self.choices
        if self.many and self.choices and self.kind is not Stage:
            words = (*words, "none")
        elif self.kind in (int, float):
            limits = (("above", self.above), ("of at least", self.at_least), ("below", self.below))
            bounds = " and ".join(f"{word} {limit:.10g}" for word, limit in limits if limit is not None)
            words = (f"a {'whole ' if self.kind is int else ''}number {bounds}",)
        elif not self.choices:
            words = ("a path" if self.kind is Path else "text",)
        *most, last = (*words, self.unset) if self.unset else words
        return f"{', '.join(most)} or {last}" if most else last


class Settings(Protocol):
    """What the settings of every command are: dataclasses that know the command's name, and examples for `--help`."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[object]]]
    command: ClassVar[str]
    examples: ClassVar[tuple[str, ...]]


def options(settings: Settings | type[Settings]) -> dict[str, Option]:
    """Every option of a command by its YAML key, in the order of the table."""
    return {field.name: field.metadata["option"] for field in dataclasses.fields(settings)}


def flag(key: str) -> str:
    """The option of the command line that sets a YAML key."""
    return "--" + key.replace("_", "-")


def spelling(key: str, option: Option) -> str:
    """What a person types for a YAML key on the command line: the option, or the place of a word without one."""
    return option.metavar if option.positional else flag(key)


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Of `words` the one that was probably meant, or None."""
    plain = {known.replace("_", "-"): known for known in words}
    word = word.lower().replace("_", "-")
    close = [known for known in plain if word and known.startswith(word)] or get_close_matches(word, plain, n=1)
    return plain[close[0]] if close else None


def build(cls: type[S], values: Mapping[str, object]) -> S:
    """Settings from their values by key, defaults for the others.

    Raises:
        SettingsError: a key without a default is missing, or the values exclude each other.
    """
    table = options(cls)
    for field in dataclasses.fields(cls):
        if field.default is dataclasses.MISSING and values.get(field.name) in (None, ()):
            name = spelling(field.name, table[field.name])
            raise SettingsError(
                f"{name} is missing: {table[field.name].help}; for example: {cls.command} {cls.examples[0]}"
            )
    return cast("Callable[..., S]", cls)(**values)


def check_values(settings: Settings) -> None:
    """Bring every field of new settings to its type.

    Raises:
        SettingsError: a value is of another type, or is not allowed.
    """
    for key, option in options(settings).items():
        object.__setattr__(settings, key, convert(option, getattr(settings, key), key))


def convert(option: Option, value: object, name: str) -> object:
    """The value of an option from the text of the command line, a YAML value, or the value itself.

    Raises:
        SettingsError: naming the option as `name`, the value, what is allowed, and what to do.
    """
    if option.bare is not None and isinstance(value, bool):
        value = option.bare if value else None
    if option.unset and (value is None or value == option.unset):
        return None
    if option.bare is not None and value == option.bare:
        return value
    if not option.many:
        return _single(option, value, name)
    if isinstance(value, str) and option.choices:
        value = [] if value == "none" else [word.strip() for word in value.split(",")]
    elif isinstance(value, dict) and option.kind is Stage:
        value = [{name: own} for name, own in value.items()]
    elif isinstance(value, str | Path | dict | Source | Augmentation):
        value = [value]
    if not isinstance(value, list | tuple):
        raise SettingsError(f"{name}: {value!r} is not a list; allowed: a list of {option.allowed}; write [A, B]")
    if not value and not option.choices and not option.positional:
        raise SettingsError(
            f"{name}: the list is empty; allowed: a list of {option.allowed}; give one, or leave it out"
        )
    return tuple(_single(option, item, name) for item in value)


def _single(option: Option, value: object, name: str) -> object:
    if option.kind is Source:
        return read_source(value, name)
    if option.kind is Augmentation:
        return read_augmentation(value, name, option.choices)
    if option.kind is Stage:
        return read_stage(value, name)
    if option.kind is bool:
        if isinstance(value, bool):
            return value
    elif option.kind in (int, float):
        number = _number(value, whole=option.kind is int)
        if number is not None and _within(option, number):
            return number
    elif isinstance(value, str | Path) and str(value).strip():
        if option.kind is Path:
            return Path(value).expanduser()
        if not option.choices or value in option.choices:
            return str(value)
    near = nearest(str(value), option.choices)
    if near:
        remedy = f"did you mean {near}?"
    elif option.kind in (str, Path) and isinstance(value, bool | int | float):
        # YAML reads a bare `no` (Norwegian) as false and `1` as a number.
        remedy = "put the text in quotes"
    else:
        remedy = "give one, or leave it out for the default"
    raise SettingsError(f"{name}: {value!r} cannot be; allowed: {option.allowed}; {remedy}")


def _number(value: object, *, whole: bool) -> int | float | None:
    # Text counts in YAML too: YAML 1.1 reads `1e-3`, which has no point, as text.
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number) or (whole and not number.is_integer()):
        return None
    return int(number) if whole else number


def _within(option: Option, number: float) -> bool:
    return (
        (option.above is None or number > option.above)
        and (option.at_least is None or number >= option.at_least)
        and (option.below is None or number < option.below)
    )

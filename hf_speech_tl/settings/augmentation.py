"""One change to the training audio: which, how often, how much, and with which recordings."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from hf_speech_tl.errors import SettingsError

# What settings take for recordings of noise and impulse responses; whether they can be decoded is seen when they are.
_AUDIO = {".wav", ".flac", ".ogg", ".opus", ".mp3"}


@dataclass(frozen=True)
class Kind:
    """What can be said of one augmentation.

    amounts: the YAML key of how much, and its default; share: of the clips that are changed, by default; lowest and
    highest bound the amounts; reads: it needs a folder of recordings. lengthens: clips become longer or shorter.
    masks: the model does it, not the waveform, and `share` is of its frames or channels.
    """

    amounts: str
    default: tuple[float, ...]
    share: float
    lowest: float = -math.inf
    highest: float = math.inf
    reads: bool = False
    lengthens: bool = False
    masks: bool = False


# In the order in which they are applied: the voice, the room, what else is heard there, the microphone, the line. Where
# the figures come from stands in docs/augmentation.md.
KINDS = {
    "speed": Kind("factors", (0.9, 1.0, 1.1), 1.0, 0.5, 2.0, lengthens=True),
    "silence": Kind("seconds", (0.0, 0.5), 0.3, 0.0, 5.0, lengthens=True),
    "pitch": Kind("semitones", (-2.0, 2.0), 0.3, -12.0, 12.0),
    "rir": Kind("", (), 0.3, reads=True),
    "noise": Kind("snr", (5.0, 20.0), 0.5, -20.0, 60.0, reads=True),
    "gain": Kind("decibels", (-18.0, 6.0), 0.5, -60.0, 40.0),
    "telephone": Kind("", (), 0.2),
    "mask": Kind("", (), 0.05, masks=True),
    "bands": Kind("", (), 0.1, masks=True),
}
FORMS = tuple(f"{name}=DIR" if kind.reads else name for name, kind in KINDS.items())
# Of those that leave a clip as long as it is, and all of it to be heard.
STEADY_FORMS = tuple(
    form for form, kind in zip(FORMS, KINDS.values(), strict=True) if not (kind.lengthens or kind.masks)
)
_EXAMPLE = "{noise: {dir: DIR, snr: [5, 20], share: 0.5}}"


@dataclass(frozen=True)
class Augmentation:
    """One change to the training audio.

    share: of the clips that are changed; of mask and bands, of the frames or channels that are masked. amounts: lowest
    and highest of what is drawn; of speed, the factors. dir: recordings of noise, or room impulse responses.
    """

    name: str
    share: float
    amounts: tuple[float, ...] = ()
    dir: Path | None = None

    @classmethod
    def plain(cls, name: str, directory: Path | None = None) -> Augmentation:
        """The augmentation as by default."""
        return cls(name, KINDS[name].share, KINDS[name].default, directory)

    @property
    def lengthens(self) -> bool:
        """Whether a clip becomes longer or shorter by it."""
        return KINDS[self.name].lengthens

    @property
    def masks(self) -> bool:
        """Whether the model itself does it, while it trains; otherwise the waveform is changed."""
        return KINDS[self.name].masks

    def __str__(self) -> str:
        """As on the command line, which has no place for details."""
        return self.name if self.dir is None else f"{self.name}={self.dir.as_posix()}"


def read_augmentation(value: object, name: str, forms: Sequence[str] = FORMS) -> Augmentation:
    """An augmentation from the value of the setting `name`: `speed`, `noise=DIR`, or a mapping of its name to details.

    forms: those that a refusal names as allowed. Raises SettingsError: a name, key or value that cannot be.
    """
    if isinstance(value, Augmentation):
        value = plain_augmentation(value)
    details: object = {}
    if isinstance(value, Mapping) and len(value) == 1:
        ((value, details),) = value.items()
        details = {} if details is None else details
    if not isinstance(value, str) or not isinstance(details, Mapping):
        raise SettingsError(f"{name}: {value!r} cannot be; allowed: {_allowed(forms)}, or with details {_EXAMPLE}")
    word, _, place = value.partition("=")
    kind = KINDS.get(word)
    if kind is None:
        near = get_close_matches(word, [form.partition("=")[0] for form in forms], n=1)
        remedy = f"did you mean {near[0]}?" if near else f"with details: {_EXAMPLE}"
        raise SettingsError(f"{name}: {value!r} cannot be; allowed: {_allowed(forms)}; {remedy}")
    keys = [*(["dir"] if kind.reads else []), *([kind.amounts] if kind.amounts else []), "share"]
    if unknown := [key for key in details if key not in keys]:
        raise SettingsError(f"{name}: unknown key {unknown[0]!r} of {word}; allowed: {', '.join(keys)}")
    directory = details.get("dir", place or None)
    if kind.reads:
        if not (isinstance(directory, str | os.PathLike) and str(directory).strip()):
            raise SettingsError(f"{name}: {word} wants a folder of recordings; write {word}=DIR")
        directory = Path(directory).expanduser()
    elif "=" in value:
        raise SettingsError(f"{name}: {value!r} cannot be; {word} reads no folder; write {word}")
    share = _number(details.get("share", kind.share))
    if not 0 < share <= 1:
        raise SettingsError(f"{name}: share of {word} is {details['share']!r}; allowed: a number above 0, 1 at most")
    return Augmentation(word, share, _amounts(details, word, kind, name), directory)


def plain_augmentation(augmentation: Augmentation) -> str | dict[str, object]:
    """As `read_augmentation` reads it again."""
    kind = KINDS[augmentation.name]
    if augmentation == Augmentation.plain(augmentation.name, augmentation.dir):
        return str(augmentation)
    details: dict[str, object] = {"share": augmentation.share}
    if kind.amounts:
        details = {kind.amounts: list(augmentation.amounts), **details}
    if augmentation.dir is not None:
        details = {"dir": augmentation.dir.as_posix(), **details}
    return {augmentation.name: details}


def refuse_augmentations(augmentations: Sequence[Augmentation]) -> None:
    """Raise SettingsError where one is named twice, or its folder is not there or holds no audio."""
    names = [augmentation.name for augmentation in augmentations]
    if twice := [name for name in names if names.count(name) > 1]:
        raise SettingsError(f"--augment: {twice[0]} is named twice; name it once (all recordings in one folder)")
    for augmentation in augmentations:
        if augmentation.dir is None:
            continue
        if not augmentation.dir.is_dir():
            raise SettingsError(
                f"--augment {augmentation}: no directory {augmentation.dir}; allowed: a folder of recordings"
            )
        if not audio_files(augmentation.dir):
            raise SettingsError(
                f"--augment {augmentation}: there is no audio in it; allowed: a folder with {', '.join(sorted(_AUDIO))}"
            )


def audio_files(directory: Path) -> list[Path]:
    """The recordings in a folder and below, in an order that does not depend on the file system."""
    found = (path for path in directory.rglob("*") if path.suffix.lower() in _AUDIO and not path.name.startswith("."))
    return sorted(found, key=lambda path: path.relative_to(directory).as_posix())


def _allowed(forms: Sequence[str]) -> str:
    return f"{', '.join(forms)} or none"


def _amounts(details: Mapping[str, object], word: str, kind: Kind, name: str) -> tuple[float, ...]:
    given = details.get(kind.amounts, kind.default) if kind.amounts else ()
    numbers = tuple(map(_number, given)) if isinstance(given, list | tuple) else (_number(given),) * 2
    bounded = all(kind.lowest <= number <= kind.highest for number in numbers)
    if not kind.amounts or (bounded and word == "speed" and numbers):
        return tuple(dict.fromkeys(numbers))
    if bounded and len(numbers) == 2 and numbers[0] <= numbers[1]:
        return numbers
    form = "factors such as [0.9, 1, 1.1]" if word == "speed" else "[lowest, highest]"
    raise SettingsError(
        f"{name}: {kind.amounts} of {word} is {given!r}; allowed: {form}, from {kind.lowest:g} to {kind.highest:g}"
    )


def _number(value: object) -> float:
    """Text counts too: YAML 1.1 reads `1e-1`, which has no point, as text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan

"""Takes the paths of this machine out of what others read: settings, results, and the adapter's own files."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from pathlib import PureWindowsPath

# They say where things lie on this machine, or who watched, and nothing about the model; and a tier often has its
# speaker's name.
_ONLY_HERE = ("output", "resume", "report_to", "tier")
_LISTS = ("augment",)  # options whose value is a list with commas
# Of results.json, figures and settings. What else a command may note (texts, names of clips) stays at home.
_PUBLIC = (
    *("command", "lang", "language", "model", "data", "before", "after", "stages", "selftraining"),
    *("training", "environment"),
)
# Absolute (POSIX, Windows, UNC), from the home folder, from this folder or the one above.
_PATH = re.compile(r"(file:|~[\w.-]*[/\\]|\.{0,2}/|\.{1,2}\\|[A-Za-z]:[/\\]|\\\\)\S")
_NOT_A_PATH = re.compile(r"hub:|https?://")
_NAMED = re.compile(r"([\w-]+)=(.+)", re.DOTALL)
_WORD = re.compile(r"""(["'`(\[]*)(\S*?)(["'`)\],.;:!?]*)(?=\s|$)""")


def redact_settings(settings: Mapping[str, object], *, keep: Collection[str] = ()) -> dict[str, object]:
    """A run's settings with every path reduced to its last name, and without what is about this machine only.

    In settings any value with a slash is a path, unless it starts with `hub:` or is one of the Hub ids in `keep`.
    """
    public = {key: value for key, value in settings.items() if key not in _ONLY_HERE}
    for key in ("data", "unlabelled"):
        if isinstance(sources := public.get(key), list):
            public[key] = [_without_tier(source) for source in sources]
    return {key: walk(value, lambda text: _argument(text, keep)) for key, value in public.items()}


def redact_results(results: Mapping[str, object], *, keep: Collection[str] = ()) -> dict[str, object]:
    """The part of results.json that others may read.

    Every path is reduced to its last name; inside sentences, what can be nothing but a path. `command` is read as a
    command line, from which the same options go altogether. Clips lost in training are counted by reason
    and not named. The Hub ids in `keep` stay as they are.
    """
    public = {key: results[key] for key in _PUBLIC if key in results}
    training = public.get("training")
    if isinstance(training, Mapping) and isinstance(training.get("clips_lost"), Mapping):
        public["training"] = {**training, "clips_lost": dict(Counter(training["clips_lost"].values()))}
    # A file is known by its folder's name too, at the head of notes as well, and may have spaces in it.
    names = sorted(((source, own_name(source)) for source in _sources(public)), key=lambda pair: -len(pair[0]))

    def told(text: str) -> str:
        for source, name in names:
            text = text.replace(source, name)
        return _text(text, keep)

    redacted = {key: walk(value, told) for key, value in public.items()}
    if isinstance(public.get("command"), str):
        redacted["command"] = _command(str(public["command"]), keep)
    return redacted


def own_name(source: str) -> str:
    """Of a source of recordings its own name, without that of the folder that it lies in."""
    return _argument(source, ())


def _sources(value: object) -> set[str]:
    """The names of sources anywhere in results."""
    if not isinstance(value, Mapping):
        return set().union(*map(_sources, value)) if isinstance(value, list | tuple) else set()
    named = {name for key in ("sources", "unlabelled") if isinstance(names := value.get(key), list) for name in names}
    return {name for name in named if isinstance(name, str)}.union(*map(_sources, value.values()))


def redact_origins(config: Mapping[str, object], *, keep: Collection[str] = ()) -> dict[str, object]:
    """A saved configuration, with the name only of the folder that a model was loaded from: peft writes it, and
    transformers for the encoder within a model."""

    def told(key: str, value: object) -> object:
        if isinstance(value, Mapping):
            return redact_origins(value, keep=keep)
        return _argument(value, keep) if key.endswith("name_or_path") and isinstance(value, str) else value

    return {key: told(key, value) for key, value in config.items()}


def _without_tier(source: object) -> object:
    return {key: value for key, value in source.items() if key != "tier"} if isinstance(source, Mapping) else source


def walk(value: object, change: Callable[[str], str]) -> object:
    """`value` with every text in it changed, keys too."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(key) if isinstance(key, str) else key: walk(entry, change) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [walk(entry, change) for entry in value]
    return value


def _command(command: str, keep: Collection[str]) -> str:
    try:
        arguments = shlex.split(command)
    except ValueError:
        # An apostrophe in a folder's name, noted without its quotes.
        arguments = command.split()
    kept: list[str] = []
    dropping = listed = False
    for argument in arguments:
        if argument.startswith("--"):
            option, _, value = argument.removeprefix("--").partition("=")
            only_here = option.replace("-", "_") in _ONLY_HERE
            dropping = only_here and not value
            listed = option in _LISTS
            if only_here:
                continue
        elif dropping:
            dropping = False
            continue
        # Of speed,noise=/a/street,rir=/b/rooms each part is a name or a path by itself.
        parts = argument.split(",") if listed else [argument]
        kept.append(",".join(_argument(part, keep) for part in parts))
    return shlex.join(kept)


def _text(text: str, keep: Collection[str]) -> str:
    # A folder's name may hold spaces: what begins as a path is one to its end.
    if _PATH.match(text) or not re.search(r"\s", text):
        return _argument(text, keep)
    return _WORD.sub(lambda word: f"{word[1]}{_word(word[2], keep)}{word[3]}", text)


def _word(word: str, keep: Collection[str]) -> str:
    # One slash alone is more often "and/or" or a rate than a path.
    is_path = _PATH.match(word) or len(re.findall(r"[/\\]", word)) > 1
    return _argument(word, keep) if is_path else word


def _argument(text: str, keep: Collection[str]) -> str:
    """A name, a path or `name=path` as on a command line, where of a path only its last name is left."""
    if text in keep or _NOT_A_PATH.match(text) or not re.search(r"[/\\]", text):
        return text
    if named := _NAMED.fullmatch(text):
        return f"{named[1]}={_argument(named[2], keep)}"
    # The Windows class knows both separators. A text of nothing but separators has no last name and tells nothing.
    return PureWindowsPath(text).name or text

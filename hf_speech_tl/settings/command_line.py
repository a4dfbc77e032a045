"""The command line: long options only, an optional YAML file before them, over which they win."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings.option import Option, Settings, build, convert, flag, nearest, options, spelling
from hf_speech_tl.settings.source import Source
from hf_speech_tl.settings.stage import Stage, keep_own
from hf_speech_tl.settings.yaml_file import read_values

S = TypeVar("S", bound=Settings)

_FILE = "The file has the same options in snake_case; the command line wins over it, and --no-OPTION clears a switch."


def parse(cls: type[S], arguments: Sequence[str]) -> S:
    """The settings that a command line asks for; `--help` prints and exits.

    Raises:
        SettingsError: an option or key that is unknown or missing, a value that cannot be, or settings that exclude
            each other.
    """
    words = list(arguments)
    values: dict[str, object] = {}
    if words and words[0].endswith((".yaml", ".yml")):
        values = read_values(cls, Path(words.pop(0)))
    table = options(cls)
    try:
        found, left = _parser(cls).parse_known_intermixed_args(words)
    except argparse.ArgumentError as error:
        raise SettingsError(_misused(cls, str(error.argument_name), error.message)) from None
    if left:
        _refuse(cls, left)
    for key, value in vars(found).items():
        given = convert(table[key], value, spelling(key, table[key]))
        values[key] = keep_own(given, values.get(key)) if table[key].kind is Stage else given
    return build(cls, values)


def spell(settings: Settings) -> str:
    """The command line that asks for these settings; what is as by default is left out."""
    words = ["hf-speech-tl", settings.command]
    for key, option in options(settings).items():
        value = getattr(settings, key)
        if value == settings.__dataclass_fields__[key].default:
            continue
        if isinstance(value, tuple):
            words_of = [source.words or "" if isinstance(source, Source) else source for source in value]
            values = [",".join(map(str, value)) or "none"] if option.choices else words_of
        else:
            values = [option.unset if value is None else f"{value:.15g}" if option.kind is float else str(value)]
        if option.positional:
            words += values
        elif isinstance(value, bool) or (option.bare is not None and value == option.bare):
            words.append(flag(key))
        else:
            words += [word for value in values for word in (flag(key), value)]
    return shlex.join(words)


def _parser(cls: type[Settings]) -> argparse.ArgumentParser:
    prog = f"hf-speech-tl {cls.command}"
    table = options(cls)
    positionals = "".join(f" {_usage(cls, key)}" for key in table if table[key].positional)
    parser = argparse.ArgumentParser(
        prog=prog,
        usage=f"{prog} [SETTINGS.yaml] [options]{positionals}",
        description=cls.__doc__,
        epilog=f"{_FILE}\n\nexamples:\n" + "".join(f"  {prog} {example}\n" for example in cls.examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
        exit_on_error=False,
        argument_default=argparse.SUPPRESS,
    )
    groups: dict[str, argparse._ArgumentGroup] = {}
    for key, option in table.items():
        group = groups.setdefault(option.group, parser.add_argument_group(option.group.lower()))
        _add(group, key, option, _explained(cls, key))
    groups[option.group].add_argument("--help", action="help", help="show this and exit")
    return parser


def _add(group: argparse._ArgumentGroup, key: str, option: Option, text: str) -> None:
    metavar = option.metavar or "|".join(option.choices) or key.rpartition("_")[2].upper()
    if option.positional:
        group.add_argument(key, nargs="*" if option.many else "?", metavar=metavar, help=text)
    elif option.kind is bool:
        group.add_argument(flag(key), action="store_true", help=text)
        group.add_argument(flag(f"no_{key}"), dest=key, action="store_false", help=argparse.SUPPRESS)
    elif option.bare is not None:
        group.add_argument(flag(key), nargs="?", const=option.bare, metavar=metavar, help=text)
    elif option.many and not option.choices:
        group.add_argument(flag(key), action="append", metavar=metavar, help=text)
    else:
        group.add_argument(flag(key), metavar=metavar, help=text)


def _explained(cls: type[Settings], key: str) -> str:
    """What `--help` says of an option: what it does, its default, and where that comes from."""
    option = options(cls)[key]
    return f"{option.help} [{default_words(cls, key)}]".replace("%", "%%")


def default_words(cls: type[Settings], key: str) -> str:
    """The default of an option and its reason, in words."""
    option = options(cls)[key]
    value = cls.__dataclass_fields__[key].default
    if value is dataclasses.MISSING:
        return "required"
    if option.shown or value is None:
        word = option.shown or option.unset
    elif isinstance(value, bool):
        word = "on" if value else "off"
    else:
        word = f"{value:g}" if isinstance(value, float) else str(value)
    return f"default: {word}; {option.why}"


def _usage(cls: type[Settings], key: str) -> str:
    option = options(cls)[key]
    word = option.metavar + "..." * option.many
    return word if default_words(cls, key) == "required" else f"[{word}]"


def _misused(cls: type[Settings], name: str, message: str) -> str:
    option = options(cls).get(name.removeprefix("--").replace("-", "_"))
    if option is None or option.kind is bool:
        return f"{name}: takes no value; write {name} alone"
    return f"{name}: {message}; allowed: {option.allowed}; write {name}={option.metavar or 'VALUE'}"


def _refuse(cls: type[Settings], left: list[str]) -> NoReturn:
    """Say what is wrong with the first word that no option took.

    Raises:
        SettingsError: always.
    """
    word = next((word for word in left if word.startswith("-")), left[0]).partition("=")[0]
    help_ = f"hf-speech-tl {cls.command} --help"
    if not word.startswith("-"):
        if word.endswith((".yaml", ".yml")):
            raise SettingsError(f"{word!r}: a file of settings comes first: hf-speech-tl {cls.command} {word} ...")
        raise SettingsError(f"{word!r}: no option takes this; see {help_}; put text with spaces in quotes")
    table = options(cls)
    forms = table["augment"].choices if "augment" in table else ()
    changes = [form for form in forms if form.partition("=")[0] == word.lstrip("-")]
    near = nearest(word.lstrip("-"), [key for key in table if not table[key].positional] + ["help"])
    meant = f"--augment {changes[0]}" if changes else near and flag(near)
    remedy = f"did you mean {meant}?" if meant else f"see {help_}"
    raise SettingsError(f"{word}: unknown option; allowed: long options in full; {remedy}")

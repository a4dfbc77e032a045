"""Settings as a YAML file: the same words as on the command line, in snake_case."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import yaml

from hf_speech_tl import __version__
from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings.augmentation import Augmentation, plain_augmentation
from hf_speech_tl.settings.option import Option, Settings, build, convert, nearest, options
from hf_speech_tl.settings.source import Source, plain_source
from hf_speech_tl.settings.stage import Stage, plain_stages

S = TypeVar("S", bound=Settings)


class _Loader(yaml.SafeLoader):
    """Plain values alone, and each key once: of two the last would win without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        """As YAML has it. Raises ConstructorError where a key comes twice."""
        known: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in known:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value} is there twice", key.start_mark)
                known.add(key.value)
        return super().construct_mapping(node, deep)


def read_values(cls: type[Settings], path: Path) -> dict[str, object]:
    """The values that a file sets, by key, each of its right type.

    Raises:
        SettingsError: no file, no YAML, no mapping, an unknown key or a value that cannot be.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); give a YAML file of settings") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not text in UTF-8; save it as such") from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: holds a value that cannot be read ({error}); mend it") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or "a character that YAML does not allow"
        raise SettingsError(f"{path}{where}: is not YAML ({reason}); write `key: value` lines, each key once") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(
            f"{path}: holds {type(content).__name__}, not a mapping; write `key: value` lines, such as `max_steps: 100`"
        )
    table = options(cls)
    for key in content:
        if key not in table:
            near = nearest(str(key), table)
            remedy = f"did you mean {near}?" if near else "remove it"
            raise SettingsError(f"{path}: unknown key {key!r}; allowed: what {cls.command} --help lists; {remedy}")
    return {key: convert(table[key], value, f"{key} in {path}") for key, value in content.items()}


def read_yaml(cls: type[S], path: Path) -> S:
    """The settings in a file, as `write_yaml` writes it. Raises as `read_values` does, and where a key is missing."""
    return build(cls, read_values(cls, path))


def write_yaml(settings: Settings, path: Path) -> None:
    """Write all that repeats a run, so that `COMMAND path` does it again; what concerned one call only is left out."""
    head = f"# hf_speech_tl {__version__}. To repeat this run: hf-speech-tl {settings.command} {path.name}\n"
    values = plain_values(settings)
    beside = path.with_name(f"{path.name}.part")
    beside.write_text(head + yaml.safe_dump(values, allow_unicode=True, sort_keys=False), encoding="utf-8")
    os.replace(beside, path)


def plain_values(settings: Settings) -> dict[str, object]:
    """All that repeats a run, as YAML has it."""
    table = options(settings)
    return {key: _plain(table[key], getattr(settings, key)) for key in table if table[key].recorded}


def _plain(option: Option, value: object) -> object:
    if value is None:
        return option.unset
    if option.kind is Stage and isinstance(value, tuple):
        return plain_stages(value)
    if option.kind is Source and isinstance(value, tuple):
        return [plain_source(item) for item in value]
    if isinstance(value, Augmentation):
        return plain_augmentation(value)
    if isinstance(value, tuple):
        return [_plain(option, item) for item in value] or "none"
    return value.as_posix() if isinstance(value, Path) else value

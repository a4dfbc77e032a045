"""One stage of a transfer: its name, and the settings that it has for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from hf_speech_tl.errors import SettingsError

# In the order in which they follow each other; settings/route.py says what each is.
STAGES = ("pretrain", "source", "target", "selftrain")
_EXAMPLE = "{source: {max_minutes: 20}, target: {head_steps: 50}}"


@dataclass(frozen=True)
class Stage:
    """own: settings of the command that the stage is, by their YAML keys, as they were written there; they win over
    those of the whole."""

    name: str
    own: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        """As on the command line, which has no place for settings of a stage."""
        return self.name


def read_stage(value: object, name: str) -> Stage:
    """A stage from the value of the setting `name`: its name, or a mapping of this to settings of its own.

    Raises SettingsError for a name that is no stage's, or settings that are no mapping.
    """
    if isinstance(value, Stage):
        return value
    own: object = {}
    if isinstance(value, Mapping) and len(value) == 1:
        ((value, own),) = value.items()
        own = {} if own is None else own
    if value not in STAGES:
        near = get_close_matches(str(value), STAGES, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"write source,target, or in YAML {_EXAMPLE}"
        raise SettingsError(f"{name}: {value!r} is no stage; allowed: {', '.join(STAGES)}; {remedy}")
    if not isinstance(own, Mapping):
        raise SettingsError(f"{name}: {value} is {own!r}; allowed: a mapping of settings; write {_EXAMPLE}")
    return Stage(str(value), {str(key): setting for key, setting in own.items()})


def plain_stages(stages: Sequence[Stage]) -> dict[str, dict[str, object]]:
    """As YAML has them, and as they are read again."""
    return {stage.name: dict(stage.own) for stage in stages}


def keep_own(named: object, before: object) -> object:
    """Stages that the command line names, with the settings that a file, before it, has for those of them."""
    if not isinstance(named, tuple) or not isinstance(before, tuple):
        return named
    known = {stage.name: stage for stage in before}
    return tuple(known.get(stage.name, stage) for stage in named)


def refuse_order(stages: Sequence[Stage]) -> None:
    """Raise SettingsError where stages come twice or in another order, or nothing is done on the target."""
    names = [stage.name for stage in stages]
    if names != sorted(set(names), key=STAGES.index) or "target" not in names:
        raise SettingsError(
            f"--stages {','.join(names) or 'none'}: allowed: target, before it any of "
            f"{', '.join(STAGES[: STAGES.index('target')])}, after it selftrain, each once and in this order; write "
            f"--stages {','.join(name for name in STAGES if name in names or name == 'target')}"
        )

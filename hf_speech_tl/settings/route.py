"""A transfer as the runs that it is made of: the settings of each stage's own command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings.finetune import FinetuneSettings
from hf_speech_tl.settings.option import build, convert, nearest, options
from hf_speech_tl.settings.pretrain import PretrainSettings
from hf_speech_tl.settings.selftrain import SelftrainSettings
from hf_speech_tl.settings.source import Source
from hf_speech_tl.settings.stage import STAGES, Stage
from hf_speech_tl.settings.transfer import TransferSettings

_MANY = "mul"  # ISO 639-2: multiple languages
# What the pipeline says itself, so that a stage has no say of its own in it.
_DECIDED = (
    *("lang", "data", "model", "config", "preset", "from_scratch", "output", "overwrite", "resume"),
    *("json", "quiet", "push_to_hub", "private", "unlabelled", "seed", "seeds"),
)
# What a model that goes on with the target's must take as it did.
_AS_TARGET = ("units", "simplify", "text_column", "tier", "max_seconds")

Command = type[FinetuneSettings] | type[PretrainSettings] | type[SelftrainSettings]


@dataclass(frozen=True)
class Leg:
    """A stage that knows what it reads and where it writes: `settings.output` is its directory."""

    name: str
    settings: FinetuneSettings | PretrainSettings | SelftrainSettings

    @property
    def directory(self) -> Path:
        """Where the stage writes."""
        return cast("Path", self.settings.output)


def lay_route(
    settings: TransferSettings, stages: Sequence[Stage] | None = None, after: Sequence[Leg] = ()
) -> tuple[Leg, ...]:
    """The stages one after the other, each beginning with the model that the one before left in its directory.

    stages: those that are done, by default all that the settings name. after: stages that come before them, wherever
    they are. Raises SettingsError for settings of a stage that its command does not know or take.
    """
    legs: list[Leg] = list(after)
    for number, stage in enumerate(settings.stages if stages is None else stages, len(legs) + 1):
        command, values = _KINDS[stage.name]
        place = cast("Path", settings.output) / f"{number}-{stage.name}"
        begins = _model(settings, command) if not legs else {"model": str(legs[-1].directory)}
        made = {
            "max_minutes": settings.max_minutes,
            "max_steps": settings.max_steps,
            "batch_seconds": settings.batch_seconds,
            "precision": settings.precision,
            "seed": settings.seed,
            "max_seconds": settings.max_seconds,
            "quiet": settings.quiet,
            "output": place,
            **values(settings),
            **begins,
            **_own(stage, command),
        }
        try:
            legs.append(Leg(stage.name, build(command, made)))
        except SettingsError as error:
            raise SettingsError(f"stage {stage.name}: {error}") from None
    return tuple(legs)


def last_stage(directory: Path) -> Path | None:
    """The directory of the last stage that is complete of a transfer that wrote into `directory`, None where there is
    none: the one that its results.json says, as other stages may lie beside it."""
    found = [path.parent for name in STAGES for path in directory.glob(f"[1-{len(STAGES)}]-{name}/results.json")]
    try:
        told = json.loads((directory / "results.json").read_text("utf-8"))["stages"][-1]["directory"]
    except (OSError, ValueError, LookupError, TypeError):  # not finished, or no results.json of a transfer
        told = None
    return max(found, key=lambda stage: (stage.name == told, stage.name), default=None)


def model_within(directory: Path) -> str | None:
    """What to take instead of a directory that holds models and is none, in words; None of other directories."""
    if stage := last_stage(directory):
        return f"it holds a transfer: give its last stage, {stage}"
    try:
        best = directory / json.loads((directory / "results.json").read_text("utf-8"))["seeds"]["best"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return f"it holds a run for each of several seeds: give the best, {best}"


def _model(settings: TransferSettings, command: Command) -> dict[str, object]:
    """What the first stage begins with; pretraining has another option for a shape without weights."""
    if command is PretrainSettings:
        return {"config" if settings.from_scratch else "model": settings.model}
    return {"model": settings.model, "from_scratch": settings.from_scratch}


def _pretrain(settings: TransferSettings) -> dict[str, object]:
    return {
        "lang": settings.lang,
        "data": (*_plain(settings.target, settings.lang), *_unlabelled(settings)),
        "tier": settings.tier,
        "objective": "masked",
    }


def _source(settings: TransferSettings) -> dict[str, object]:
    tags = settings.source_langs
    several = len(tags) > 1
    lang = _MANY if several else tags[0]
    return {
        "lang": lang,
        "data": _plain(settings.source or (), lang),
        "units": settings.source_units,
        "temperature": settings.temperature if several else 1.0,
    }


def _target(settings: TransferSettings) -> dict[str, object]:
    mixed: tuple[Source, ...] = ()
    if settings.mix:
        sources = [source for source in settings.source or () if isinstance(source, Source)]
        units = settings.source_units if settings.source_units != settings.units else None
        mixed = tuple(replace(source, weight=1.0, mix=settings.mix / len(sources), units=units) for source in sources)
    return {
        "lang": settings.lang,
        "data": (*_plain(settings.target, settings.lang), *mixed),
        "tier": settings.tier,
        "units": settings.units,
        "head": settings.head,
        "learning_rate": settings.learning_rate,
        "head_learning_rate": settings.head_learning_rate,
        "head_steps": settings.head_steps,
    }


def _selftrain(settings: TransferSettings) -> dict[str, object]:
    """On the target's recordings as the stage `target` takes them, whatever a file says of it alone."""
    target = next(stage.own for stage in settings.stages if stage.name == "target")
    taken = {name: target[name] for name in _AS_TARGET if name in target}
    return {
        "lang": settings.lang,
        "data": _plain(settings.target, settings.lang),
        "unlabelled": _plain(settings.unlabelled or (), settings.lang),
        "tier": settings.tier,
        "units": settings.units,
        "learning_rate": settings.learning_rate,
        **taken,
    }


# The command that each stage is, and what it is asked for.
_KINDS: Mapping[str, tuple[Command, Callable[[TransferSettings], dict[str, object]]]] = {
    "pretrain": (PretrainSettings, _pretrain),
    "source": (FinetuneSettings, _source),
    "target": (FinetuneSettings, _target),
    "selftrain": (SelftrainSettings, _selftrain),
}


def _unlabelled(settings: TransferSettings) -> Iterator[Source]:
    """Recordings whose transcripts no stage looks at, not even to probe an encoder."""
    for one in _plain(settings.unlabelled or (), settings.lang):
        yield replace(one if isinstance(one, Source) else Source(one), labelled=False)


def _plain(sources: tuple[str | Source, ...], lang: str) -> tuple[str | Source, ...]:
    """Without a language of their own where it is that of the stage."""
    return tuple(
        replace(source, lang=None) if isinstance(source, Source) and source.lang == lang else source
        for source in sources
    )


def _own(stage: Stage, command: Command) -> dict[str, object]:
    table = {key: option for key, option in options(command).items() if key not in _DECIDED}
    for key in stage.own:
        if key not in table:
            near = nearest(key, table)
            remedy = f"did you mean {near}?" if near else "drop it"
            raise SettingsError(
                f"stages: {stage.name}: {key} cannot be set for a stage; allowed: what {command.command} --help lists, "
                f"but for what transfer decides ({', '.join(_DECIDED)}); {remedy}"
            )
    return {key: convert(table[key], value, f"stages: {stage.name}: {key}") for key, value in stage.own.items()}

"""What settings of `transfer` exclude each other."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings.option import flag
from hf_speech_tl.settings.run import check_last_seed
from hf_speech_tl.settings.source import Source, refuse_unlabelled
from hf_speech_tl.settings.stage import refuse_order

if TYPE_CHECKING:
    from hf_speech_tl.settings.transfer import TransferSettings

_RANKED = ("recommend", "source", "target", "tier", "seed", "json", "quiet")  # what --recommend looks at
_TRIED = ("max_steps", "model", "output")  # and where it lets each source teach a model first


def refuse_conflicts_of_transfer(settings: TransferSettings) -> None:
    """Raise SettingsError where two settings cannot both be meant; each value by itself is known to be right."""
    refuse_order(settings.stages)
    _refuse_sources(settings)
    _refuse_ablation(settings)
    if settings.recommend:
        _refuse_recommendation(settings)


def _refuse_sources(settings: TransferSettings) -> None:
    for key, sources in (("source", settings.source or ()), ("target", settings.target)):
        for source in sources:
            if not isinstance(source, Source) or source.lang is None:
                raise SettingsError(
                    f"{flag(key)} {source}: which language it is in is not said; allowed: LANG=SOURCE; write "
                    f"it={source}, in YAML {{source: {source}, lang: it}}"
                )
        refuse_unlabelled(sources, flag(key))
    if len(tags := sorted({source.lang or "" for source in settings.target if isinstance(source, Source)})) > 1:
        raise SettingsError(
            f"--target: in {' and '.join(tags)}; allowed: recordings in one language; give others as --source"
        )
    names = [stage.name for stage in settings.stages]
    if "source" in names and not settings.source:
        raise SettingsError(
            "--source is missing: the stage `source` needs recordings; add --source LANG=SOURCE, or leave it out, "
            f"with --stages {','.join(name for name in names if name != 'source')}"
        )
    if settings.mix and not settings.source:
        raise SettingsError(
            f"--mix {settings.mix:g}: there is nothing to mix in; allowed with --source; add it, or drop --mix"
        )
    if settings.unlabelled and not {"pretrain", "selftrain"} & {*names}:
        raise SettingsError(
            f"--unlabelled {settings.unlabelled[0]}: no stage hears it; allowed with the stages pretrain and "
            f"selftrain; write --stages {','.join(['pretrain', *names])} or --stages "
            f"{','.join([*names, 'selftrain'])}"
        )
    if "selftrain" in names and not settings.unlabelled:
        raise SettingsError(
            "--unlabelled is missing: the stage `selftrain` writes it down and learns from that; add --unlabelled "
            f"SOURCE, or leave it out, with --stages {','.join(name for name in names if name != 'selftrain')}"
        )
    heard = settings.unlabelled or ()
    if "selftrain" in names and _places(heard) <= _places(settings.target):
        raise SettingsError(
            f"--unlabelled {heard[0]}: is --target too, of which is known what is said, so that `selftrain` has "
            "nothing to learn from; allowed: other recordings; name some, or leave the stage out"
        )


def _refuse_ablation(settings: TransferSettings) -> None:
    if settings.ablate and len(settings.stages) == 1:
        raise SettingsError(
            "--ablate: there is but one stage, so none can be left out; allowed with several --stages; drop it"
        )
    if settings.seeds > 1 and not settings.ablate:
        raise SettingsError(
            f"--seeds {settings.seeds}: says how sure the gains of --ablate are; allowed with it; add it, or drop "
            "--seeds"
        )
    check_last_seed(settings.seed, settings.seeds)


def _refuse_recommendation(settings: TransferSettings) -> None:
    looked_at = _RANKED if settings.max_steps is None else _RANKED + _TRIED
    rest = [field for field in fields(settings) if field.name not in looked_at]
    if ignored := [flag(field.name) for field in rest if getattr(settings, field.name) != field.default]:
        raise SettingsError(
            f"--recommend {' '.join(ignored)}: is not looked at; allowed: --source, --target, "
            "--tier, --seed, and with --max-steps N, for which each source then teaches a model, --model and --output; "
            "drop the others, or see what scripts/recommend_source takes"
        )
    if (count := len(settings.source or ())) < 2:
        raise SettingsError(
            f"--recommend: ranks --source, of which {count} is given; allowed: two or more; add another"
        )
    if len(settings.target) > 1:
        raise SettingsError(f"--recommend: compares with one --target, not {len(settings.target)}; name one of them")


def _places(sources: Iterable[str | Source]) -> set[str]:
    """The paths of sources, whatever way they were written."""
    return {os.path.realpath(os.path.expanduser(str(source))) for source in sources}

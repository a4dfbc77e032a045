"""What settings of `finetune` exclude each other."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings.augmentation import refuse_augmentations
from hf_speech_tl.settings.preset import AUTO
from hf_speech_tl.settings.push import check_repository
from hf_speech_tl.settings.run import check_last_seed
from hf_speech_tl.settings.source import refuse_mix, refuse_unlabelled

if TYPE_CHECKING:
    from hf_speech_tl.settings.finetune import FinetuneSettings
    from hf_speech_tl.settings.selftrain import SelftrainSettings


def refuse_conflicts(settings: FinetuneSettings) -> None:
    """Raise SettingsError where two settings cannot both be meant; each value by itself is known to be right."""
    _refuse_choices_of_model(settings)
    refuse_mix(settings.data, settings.temperature)
    refuse_conflicts_of_training(settings)
    _refuse_for_seeds(settings)
    if settings.consistency and settings.augment == ():
        raise SettingsError(
            f"--consistency {settings.consistency:g} --augment none: two views of an utterance would be the same; "
            "allowed with it: mask or any other; name one, or drop --consistency"
        )
    if settings.lora_rank is not None and settings.tuning != "lora":
        raise SettingsError(
            f"--lora-rank {settings.lora_rank} --tuning {settings.tuning}: there are no adapters; allowed with it: "
            "--tuning lora; add it, or drop --lora-rank"
        )
    if settings.freeze_layers and (settings.tuning == "head" or settings.from_scratch):
        beside = "--tuning head" if settings.tuning == "head" else "random weights"
        reason = "all layers are frozen already" if settings.tuning == "head" else "frozen, they would stay random"
        raise SettingsError(
            f"--freeze-layers {settings.freeze_layers} with {beside}: {reason}; allowed: 0; drop one of the two"
        )
    if settings.max_steps is not None and settings.head_steps >= settings.max_steps:
        raise SettingsError(
            f"--head-steps {settings.head_steps} --max-steps {settings.max_steps}: no step is left after the head's; "
            f"allowed: below {settings.max_steps}; to train the head alone use --tuning head"
        )


def refuse_conflicts_of_training(settings: FinetuneSettings | SelftrainSettings) -> None:
    """The same of what both commands have: augmentations, the cache, the optimiser, the push."""
    refuse_unlabelled(settings.data, "data")
    refuse_augmentations(settings.augment or ())
    if settings.cache not in ("memory", "none") and not os.path.isdir(settings.cache) and os.sep not in settings.cache:
        raise SettingsError(
            f"--cache {settings.cache}: allowed: memory, none, or a directory; write ./{settings.cache} for a new one"
        )
    if settings.optimizer == "muon" and settings.tuning != "full":
        raise SettingsError(
            f"--optimizer muon --tuning {settings.tuning}: Muon is for whole matrices, and there are none to train; "
            "allowed: auto or adamw"
        )
    if settings.private and settings.push_to_hub is None:
        raise SettingsError("--private: nothing is uploaded; allowed with --push-to-hub; add it, or drop --private")
    if settings.push_to_hub not in (None, "auto"):
        check_repository(settings.push_to_hub, "--push-to-hub")


def _refuse_choices_of_model(settings: FinetuneSettings) -> None:
    open_data = settings.data == (AUTO,)
    if AUTO in settings.data and not open_data:
        raise SettingsError("--data auto: stands for all data of a preset; allowed alone; drop it, or the others")
    if settings.preset != AUTO and settings.model != AUTO and not open_data:
        raise SettingsError(
            f"--preset {settings.preset} --model {settings.model} --data {settings.data[0]}: a preset chooses the "
            "model and the data that are not given, and both are; allowed: one of them; drop --preset"
        )
    if not settings.from_scratch:
        return
    if settings.tuning != "full":
        raise SettingsError(
            f"--from-scratch --tuning {settings.tuning}: adapters or a head alone learn nothing on random weights; "
            "allowed: --tuning full; drop one of the two"
        )
    if settings.target_lang is not None:
        raise SettingsError(
            f"--from-scratch --target-lang {settings.target_lang}: adapters come with trained weights; allowed: one of "
            "them; drop the other"
        )


def _refuse_for_seeds(settings: FinetuneSettings) -> None:
    """The same of --seeds: a push is of one model, and several runs go on in the directory that holds them."""
    if settings.seeds == 1:
        return
    check_last_seed(settings.seed, settings.seeds)
    if settings.push_to_hub is not None:
        raise SettingsError(
            f"--seeds {settings.seeds} --push-to-hub: which of the models is the best is known in the end, when it is "
            "named; allowed: one of the two; drop --push-to-hub, and push that one afterwards: hf-speech-tl push "
            "DIR/seed-N"
        )
    if settings.resume == "" and settings.output is None:
        raise SettingsError(
            f"--seeds {settings.seeds} --resume: which runs go on is not said; allowed: --resume DIR, the --output "
            "that they have together; name it"
        )

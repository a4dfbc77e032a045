"""Defaults that depend on the model and the data: how long a batch, how fast to learn, where each figure comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models import Masking, learns_as_starter, place_of
from hf_speech_tl.settings import Augmentation, FinetuneSettings, PretrainSettings
from hf_speech_tl.training import Rates

DEFAULT_RANK = 16  # of LoRA, as in its paper's larger settings (Hu et al. 2021); not tuned here
_SMALL = 20_000_000  # parameters: the starter model's size and its neighbours
_AGREEING = 2.5  # times as many frames masked where two views are to agree, as CR-CTC has it (Yao et al. 2024)
# Chosen for the starter on validation splits of languages that it never heard; model_cards/starter.md has the figures.
_STARTER_RATE = 4e-4
# Small models learn little data by heart; docs/augmentation.md has the figures, of a quarter of an hour and less.
_LITTLE = 3600.0  # seconds of training audio
_SMALL_AUGMENT = tuple(Augmentation.plain(kind) for kind in ("speed", "pitch", "gain", "mask"))
_MICRO_SECONDS = {True: 160.0, False: 40.0}  # padded seconds at once, for small models and for others; not tuned


@dataclass(frozen=True)
class Recipe:
    """The training choices of one run, all resolved.

    batch_seconds: padded seconds of audio in a step, over all processes and micro-batches; accumulation: micro-batches.
    averaged: the average of the weights over the steps is kept beside them. patience: as EarlyDescent has it.
    """

    rates: Rates
    optimiser: str
    batch_seconds: float
    accumulation: int
    augment: tuple[Augmentation, ...]
    consistency: float
    averaged: bool = False
    patience: int | None = None

    @property
    def waveform(self) -> tuple[Augmentation, ...]:
        """The augmentations after which a clip sounds different, so that nothing computed from it can be kept."""
        return tuple(one for one in self.augment if not one.masks)


def is_small(parameters: int) -> bool:
    """Whether a model is of the starter's size, or not much larger."""
    return parameters < _SMALL


def choose_recipe(
    settings: FinetuneSettings,
    *,
    parameters: int,
    augment: tuple[Augmentation, ...],
    processes: int,
    sharded: bool = False,
) -> Recipe:
    """Fill in what the settings leave to us. augment: what `choose_augment` chose; sharded: FSDP cuts the model up.

    Raises SettingsError for Muon on a model that is cut up: it needs its matrices whole.
    """
    small = is_small(parameters)
    # Small: many short steps, as docs/from-fresh-weights.md has them. Others: 32 clips of some four seconds, and below
    # a rate of 3e-4, as in Hugging Face's "Fine-Tune XLSR-Wav2Vec2"; neither was measured here.
    batch_seconds = settings.batch_seconds or (40.0 if small else 120.0)
    micro = batch_seconds / processes * (2 if settings.consistency else 1)  # two views are in memory at once
    accumulation = max(1, round(micro / _MICRO_SECONDS[small]))
    optimiser = settings.optimizer
    if optimiser == "auto":
        optimiser = "muon" if small and settings.tuning == "full" and not sharded else "adamw"
    if optimiser == "muon" and sharded:
        raise SettingsError(
            "--optimizer muon: needs whole matrices, and FSDP cuts them up; allowed with FSDP: adamw; drop it, or "
            "launch without FSDP"
        )
    usual = 1e-3 if small or settings.tuning != "full" else 3e-4
    rate = settings.learning_rate or (_STARTER_RATE if _goes_on_from_starter(settings) else usual)
    rates = Rates(
        encoder=rate,
        head=settings.head_learning_rate or rate,
        weight_decay=settings.weight_decay,
        warmup=settings.warmup,
        head_steps=settings.head_steps,
    )
    patience = None if sharded else settings.patience
    return Recipe(rates, optimiser, batch_seconds, accumulation, augment, settings.consistency, patience=patience)


def choose_pretraining(settings: PretrainSettings, *, parameters: int, processes: int) -> Recipe:
    """The same for pretraining.

    Small models: as in the pilots with the starter's shape, docs/pretraining.md, and where they have learnt already, as
    the starter's distillation went on (model_cards/starter.md); Muon where it was tried. Others: batches of wav2vec
    2.0's size are out of reach of one machine; four minutes and a rate of 1e-4, below those of pretraining from
    nothing, were not measured here.
    """
    small = is_small(parameters)
    batch_seconds = settings.batch_seconds or (120.0 if small else 240.0)
    optimiser = settings.optimizer
    if optimiser == "auto":
        optimiser = "muon" if small and settings.objective == "distil" else "adamw"
    usual = (1e-3 if settings.model is None else 3e-4) if small else 1e-4
    rate = settings.learning_rate or usual
    return Recipe(
        rates=Rates(rate, rate, settings.weight_decay, settings.warmup, head_steps=0),
        optimiser=optimiser,
        batch_seconds=batch_seconds,
        accumulation=max(1, round(batch_seconds / processes / _MICRO_SECONDS[small])),
        augment=settings.augment,
        consistency=0.0,
    )


def _goes_on_from_starter(settings: FinetuneSettings) -> bool:
    here = Path(place_of(settings.model)).is_dir()  # nothing is asked of the Hub for it
    return here and settings.tuning == "full" and not settings.from_scratch and learns_as_starter(settings.model)


def choose_augment(
    settings: FinetuneSettings, *, maskable: bool, small: bool, seconds: float
) -> tuple[Augmentation, ...]:
    """Masking while fine-tuning is wav2vec 2.0's practice (Baevski et al. 2020). Small models hear other voices and
    rates of speech too. With random weights both are for little data alone: of much, nothing is heard often enough.

    maskable: the model's family has SpecAugment built in; small: as `is_small`; seconds: of training audio. Raises
    SettingsError where masking is asked of a family that has none, or two views of what nothing changes.
    """
    if settings.augment is not None:
        if (asked := [str(one) for one in settings.augment if one.masks]) and not maskable:
            raise SettingsError(
                f"--augment {asked[0]}: models of the family of {settings.model} have no masking; allowed: others or "
                "none; drop it"
            )
        chosen = settings.augment
    else:
        # Below a head that is trained alone nothing learns to fill gaps, and what is made of a clip can be kept.
        often = not settings.from_scratch or (small and seconds < _LITTLE)
        masks = maskable and (settings.consistency or (often and settings.tuning != "head"))
        voices = often and small and settings.tuning == "full"
        chosen = tuple(one for one in _SMALL_AUGMENT if (masks if one.masks else voices))
    if settings.consistency and not chosen:
        raise SettingsError(
            f"--consistency {settings.consistency:g}: models of the family of {settings.model} have no masking, so two "
            "views would be the same; allowed with an --augment of the waveform, such as speed,noise=DIR; name one"
        )
    if settings.consistency:
        return tuple(
            replace(one, share=_AGREEING * one.share) if one == Augmentation.plain("mask") else one for one in chosen
        )
    return chosen


def choose_masking(augment: Sequence[Augmentation], shortest: int, median: int, channels: int) -> Masking | None:
    """SpecAugment sized to the clips, whose shortest and median lengths are given in frames; None without it.

    A span may not be longer than the shortest clip, or the model refuses the batch; and is a tenth of the median one at
    most, for transformers hides two of them in a clip at least (`mask_time_min_masks`): of 0.2 s, they would be up to
    two fifths of a clip of a second. channels: of the features that are masked; a span of them is a twelfth, as 64 of
    768 in fairseq's recipes of wav2vec 2.0.
    """
    shares = {one.name: one.share for one in augment if one.masks}
    if not shares:
        return None
    length = max(1, min(10, median // 10, shortest))
    return Masking(shares.get("mask", 0.0), length, shares.get("bands", 0.0), max(1, channels // 12))

"""Defaults that depend on the model and the data: how long a batch, how fast to learn, where each figure comes from."""

from __future__ import annotations

from dataclasses import dataclass

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models import Masking
from hf_speech_tl.settings import FinetuneSettings
from hf_speech_tl.training import Rates

_SMALL = 20_000_000  # parameters: the starter model's size and its neighbours
_MICRO_SECONDS = {True: 160.0, False: 40.0}  # padded seconds at once, for small models and for others; not tuned


@dataclass(frozen=True)
class Recipe:
    """The training choices of one run, all resolved.

    batch_seconds: padded seconds of audio in a step, over all processes and micro-batches; accumulation: micro-batches.
    """

    rates: Rates
    optimiser: str
    batch_seconds: float
    accumulation: int
    augment: tuple[str, ...]


def choose_recipe(
    settings: FinetuneSettings, *, parameters: int, augment: tuple[str, ...], processes: int, sharded: bool = False
) -> Recipe:
    """Fill in what the settings leave to us. augment: what `choose_augment` chose; sharded: FSDP cuts the model up.

    Raises SettingsError for Muon on a model that is cut up: it needs its matrices whole.
    """
    small = parameters < _SMALL
    # Small: many short steps, as docs/from-fresh-weights.md has them. Others: 32 clips of some four seconds, and below
    # a rate of 3e-4, as in Hugging Face's "Fine-Tune XLSR-Wav2Vec2"; neither was measured here.
    batch_seconds = settings.batch_seconds or (40.0 if small else 120.0)
    micro = batch_seconds / processes
    accumulation = max(1, round(micro / _MICRO_SECONDS[small]))
    optimiser = settings.optimizer
    if optimiser == "auto":
        optimiser = "muon" if small and settings.tuning == "full" and not sharded else "adamw"
    if optimiser == "muon" and sharded:
        raise SettingsError(
            "--optimizer muon: needs whole matrices, and FSDP cuts them up; allowed with FSDP: adamw; drop it, or "
            "launch without FSDP"
        )
    rate = settings.learning_rate or (1e-3 if small or settings.tuning != "full" else 3e-4)
    rates = Rates(
        encoder=rate,
        head=settings.head_learning_rate or rate,
        weight_decay=settings.weight_decay,
        warmup=settings.warmup,
        head_steps=settings.head_steps,
    )
    return Recipe(rates, optimiser, batch_seconds, accumulation, augment)


def choose_augment(settings: FinetuneSettings, *, maskable: bool) -> tuple[str, ...]:
    """Masking while fine-tuning is wav2vec 2.0's practice (Baevski et al. 2020); on fresh weights it is untried.

    maskable: the model's family has SpecAugment built in. Raises SettingsError where masking is asked of one that has
    not.
    """
    if settings.augment is not None:
        if "mask" in settings.augment and not maskable:
            raise SettingsError(
                f"--augment mask: models of the family of {settings.model} have no masking; allowed: none; drop it"
            )
        return settings.augment
    return ("mask",) if maskable and not settings.fresh else ()


def choose_masking(augment: tuple[str, ...], shortest: int, median: int) -> Masking | None:
    """SpecAugment sized to the clips, whose shortest and median lengths are given in frames; None without it.

    A span may not be longer than the shortest clip, or the model refuses the batch.
    """
    if "mask" not in augment:
        return None
    return Masking(share=0.05, length=max(1, min(10, median // 10, shortest)))

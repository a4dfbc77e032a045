"""Training clips changed anew in each epoch, by chance that depends on nothing but seed, epoch and utterance."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import ArrayLike

from hf_speech_tl.audio import Background, backgrounds, draw, in_order
from hf_speech_tl.corpora import frames_needed
from hf_speech_tl.settings import Augmentation
from hf_speech_tl.training.streamed import Order

_BEYOND = 2**32  # epochs: more than any run has
_LENGTH, _VIEW = 0, 1  # what a generator is for: the length, which views share, or a view


@dataclass
class Augmenter:
    """Changes a clip as `augmentations` say; the same clip in the same epoch of a run of the same seed in the same way,
    in any process and after any resuming.

    frames_of: the model's frames for a number of samples; a change of length that would leave fewer of them than CTC
    needs for the labels is not made.
    """

    augmentations: Sequence[Augmentation]
    seed: int
    frames_of: Callable[[int], int]
    recordings: dict[str, Background] = field(init=False)

    def __post_init__(self) -> None:
        self.augmentations = in_order(self.augmentations)
        self.recordings = backgrounds(self.augmentations)

    def views(
        self, samples: np.ndarray, name: str, epoch: int, labels: Sequence[int], count: int = 1
    ) -> list[np.ndarray]:
        """`count` versions of the clip of the utterance `name`, float32 `(samples,)` at 16 kHz, equally long.

        They have speed and silence in common. Raises DataError where none of the recordings to mix with can be decoded.
        """
        generator = self._generator(name, epoch, _LENGTH)
        changed = samples
        for one in self.augmentations:
            if one.lengthens and (change := draw(one, generator, self.recordings)):
                changed = change(changed)
        if self.frames_of(len(changed)) < frames_needed(labels):
            changed = samples
        return [self._view(changed, self._generator(name, epoch, _VIEW + view)) for view in range(count)]

    def _view(self, samples: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        for one in self.augmentations:
            if not one.lengthens and (change := draw(one, generator, self.recordings)):
                samples = change(samples)
        return samples

    def _generator(self, name: str, epoch: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, epoch, zlib.crc32(name.encode()), purpose])


def longest_seconds(seconds: ArrayLike, augmentations: Sequence[Augmentation]) -> np.ndarray:
    """What clips of these lengths may come to: batches that are planned so hold in memory whatever chance does."""
    slowest = min([1.0, *_factors(augmentations)])
    silence = sum(2 * one.amounts[1] for one in augmentations if one.name == "silence")
    return np.asarray(seconds) / slowest + silence


def shortest_seconds(seconds: ArrayLike, augmentations: Sequence[Augmentation]) -> np.ndarray:
    """What clips of these lengths may shrink to."""
    fastest = max([1.0, *_factors(augmentations)])
    return np.asarray(seconds) / fastest


def _factors(augmentations: Sequence[Augmentation]) -> list[float]:
    return [factor for one in augmentations if one.name == "speed" for factor in one.amounts]


@dataclass
class Passes(torch.utils.data.Sampler):
    """The batches of `batches` as pairs of a row and its epoch, by which the row is augmented.

    Where weights bring a row more than once into an epoch, each copy but the first has an epoch of its own, beyond all
    others; of streamed batches, each in the same batch.
    """

    batches: Order

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for rows in self.batches:
            copies = self.batches.copies
            yield [(row, self.batches.epoch + _BEYOND * copy) for row, copy in zip(rows, copies, strict=True)]

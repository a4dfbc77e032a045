"""Augmentations as settings describe them, drawn by chance and applied to a clip one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from hf_speech_tl.audio.augment import (
    add_noise,
    add_silence,
    change_speed,
    reverberate,
    scale,
    shift_pitch,
    through_telephone,
)
from hf_speech_tl.audio.background import Background
from hf_speech_tl.settings import Augmentation, audio_files
from hf_speech_tl.settings.augmentation import KINDS

Change = Callable[[np.ndarray], np.ndarray]


def backgrounds(augmentations: Sequence[Augmentation]) -> dict[str, Background]:
    """The recordings that augmentations read, by the augmentation's name."""
    return {one.name: Background(audio_files(one.dir)) for one in augmentations if one.dir is not None}


def in_order(augmentations: Sequence[Augmentation]) -> list[Augmentation]:
    """Those of the waveform in the order in which they happen to a voice, whatever order they were asked for in."""
    order = list(KINDS)
    return sorted((one for one in augmentations if not one.masks), key=lambda one: order.index(one.name))


def draw(
    augmentation: Augmentation, generator: np.random.Generator, recordings: Mapping[str, Background]
) -> Change | None:
    """What happens to one clip, float32 `(samples,)` at 16 kHz; None where chance leaves it as it is.

    Raises DataError where none of the recordings it needs can be decoded.
    """
    if generator.random() >= augmentation.share:
        return None
    name, amounts = augmentation.name, augmentation.amounts
    if name == "speed":
        factor = float(generator.choice(amounts))
        return None if factor == 1 else lambda samples: change_speed(samples, factor)
    if name == "rir":
        response = recordings[name].draw(generator)
        return lambda samples: reverberate(samples, response)
    if name == "telephone":
        return through_telephone
    lowest, highest = amounts
    amount, other = generator.uniform(lowest, highest, 2).tolist()
    if name == "silence":
        return lambda samples: add_silence(samples, amount, other)
    if name == "pitch":
        return lambda samples: shift_pitch(samples, amount)
    if name == "gain":
        return lambda samples: scale(samples, amount)
    noise, place = recordings[name].draw(generator), generator.random()

    def mix(samples: np.ndarray) -> np.ndarray:
        # Within the recording where it is long enough, else anywhere in the loop that it is made into.
        room = len(noise) - len(samples) + 1
        return add_noise(samples, noise, amount, int(place * (room if room > 0 else len(noise))))

    return mix

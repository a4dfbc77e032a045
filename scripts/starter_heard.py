"""Recordings that the starter's first layers are fitted on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hf_speech_tl.audio import RATE, BadAudio
from hf_speech_tl.corpora import load_corpus, samples
from hf_speech_tl.errors import DataError
from hf_speech_tl.settings.source import Source, read_source

_HEARD = 1800.0  # seconds of audio in all
_LONGEST = 12.0  # seconds
_WINDOWS = 12
_PAUSE = RATE // 4  # between clips in a window


def windows(clips: Sequence[np.ndarray], longest: int) -> Iterator[np.ndarray]:
    """Clips one after the other, in windows of at most `longest` samples, and mostly little less."""
    waiting = iter(clips)
    for _ in range(_WINDOWS):
        parts, length = [], 0
        for clip in waiting:
            parts += [clip, np.zeros(_PAUSE, np.float32)]
            length += len(clip) + _PAUSE
            if length > 0.93 * longest:
                break
        if parts:
            yield np.concatenate(parts)[:longest]


def draw_clips(sources: Sequence[str], seed: int) -> list[np.ndarray]:
    """Training clips `(samples,)`, as much of each source as of the others while they last; DataError where there is
    none."""
    generator = np.random.default_rng(seed)
    clips: list[np.ndarray] = []
    for word in sources:
        source = read_source(word, "data")
        rows = load_corpus([source if isinstance(source, Source) else Source(source)], None, labelled=False).train
        left = _HEARD / len(sources)
        for row in generator.permutation(len(rows)):
            seconds = rows[int(row)]["seconds"]
            if not 0.5 < seconds < _LONGEST:
                continue
            try:
                clips.append(samples(rows[int(row)]["audio"]))
            except BadAudio:
                continue
            if (left := left - seconds) < 0:
                break
    if not clips:
        raise DataError(
            f"--data {' '.join(sources)}: no training recording of 0.5 to {_LONGEST:g} s can be read. Add some, or cut "
            "longer ones at pauses."
        )
    return [clips[at] for at in generator.permutation(len(clips))]

"""What a teacher makes of each clip, computed once before training and kept on the disk as float16."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hf_speech_tl.audio import BadAudio
from hf_speech_tl.errors import RunError
from hf_speech_tl.models import Teacher
from hf_speech_tl.training.clips import Clips
from hf_speech_tl.training.store import Store

_TOGETHER = 300.0  # seconds of audio that a teacher gets at once: enough to fill ten of Whisper's windows


@dataclass(frozen=True)
class TaughtStates:
    """The targets of clips, all of which `keep_states` has been through."""

    store: Store

    def of(self, pulses: np.ndarray) -> np.ndarray:
        """Float16 `(frames, layers * width)` of a clip of 16-bit samples. Raises RunError where it is gone."""
        known = self.store.get(pulses)
        if known is None:
            self.store.forget_complete()
            raise RunError(
                f"{self.store.directory}: what the teacher made of a clip is not there any more, though it was; begin "
                "the run once more with --resume, which makes it anew."
            )
        return known


def keep_states(
    teacher: Teacher, store: Store, clips: Clips, rows: Sequence[int], progress: Callable[[int], None]
) -> dict[str, str]:
    """Put what the teacher makes of these rows into the store, unless it is there; returns the ids of those that
    cannot be decoded, with the reason.

    progress: hears how many rows are done. Raises RunError where the disk is full, or values do not fit into 16 bits.
    """
    bad: dict[str, str] = {}
    done = 0
    for together in _portions(clips, rows):
        missing: list[np.ndarray] = []
        for row in together:
            try:
                pulses = clips.decode(row)
            except BadAudio as error:
                bad[clips.rows[row]["id"]] = error.reason
                continue
            if not store.has(pulses):
                missing.append(pulses)
        made = teacher([pulses.astype(np.float32) / 32767 for pulses in missing])
        for pulses, states in zip(missing, made, strict=True):
            _keep(store, pulses, states)
        done += len(together)
        progress(done)
    return bad


def _portions(clips: Clips, rows: Sequence[int]) -> Iterator[list[int]]:
    portion: list[int] = []
    seconds = 0.0
    for row in rows:
        portion.append(row)
        seconds += float(clips.seconds[row])
        if seconds >= _TOGETHER:
            yield portion
            portion, seconds = [], 0.0
    if portion:
        yield portion


def _keep(store: Store, pulses: np.ndarray, states: np.ndarray) -> None:
    with np.errstate(over="ignore"):
        kept = states.astype(np.float16)
    if not np.isfinite(kept).all():
        raise RunError("what these layers of the teacher make of a clip does not fit into 16 bits: choose others.")
    if not store.put(pulses, kept):
        raise RunError(
            f"{store.directory} cannot take what the teacher makes of the audio: the disk is full, or nearly so. Make "
            "room, lower --cache-gb, or name a directory on another disk with --cache; what is there is not computed "
            "again."
        )

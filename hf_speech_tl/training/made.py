"""Targets that are made of each clip once, before the training, and kept on the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hf_speech_tl.audio import BadAudio, from_pulses
from hf_speech_tl.errors import RunError
from hf_speech_tl.training.clips import Clips
from hf_speech_tl.training.store import Store

_TOGETHER = 300.0  # seconds of audio at once: enough to fill ten of Whisper's windows


@dataclass(frozen=True)
class MadeTargets:
    """The targets of clips, all of which `keep_targets` has been through.

    shape: of those of a clip of so many samples.
    """

    store: Store
    shape: Callable[[int], tuple[int, ...]]

    def find(self, pulses: np.ndarray) -> np.ndarray | None:
        """Those of a clip of 16-bit samples; None where they are not there, cut short, or of another shape."""
        known = self.store.get(pulses)
        return known if known is not None and known.shape == self.shape(len(pulses)) else None

    def of(self, pulses: np.ndarray) -> np.ndarray:
        """The same. Raises RunError where `find` finds nothing."""
        known = self.find(pulses)
        if known is None:
            self.store.forget_complete()
            raise RunError(
                f"{self.store.directory}: what the encoder is to predict of a clip is not there any more, or not as it "
                "was; begin the run once more, or go on with --resume, and it is made anew."
            )
        return known


def keep_targets(
    make: Callable[[Sequence[np.ndarray]], Iterable[np.ndarray]],
    targets: MadeTargets,
    clips: Clips,
    rows: Sequence[int],
    progress: Callable[[int], None],
) -> dict[str, str]:
    """Put what is made of these rows into the store of `targets`, unless it is there; returns the ids of those that
    cannot be decoded, with the reason.

    make: of clips `(samples,)` at 16 kHz. progress: hears how many rows are done. Raises RunError where the disk is
    full, or values do not fit into 16 bits.
    """
    bad: dict[str, str] = {}
    done = 0
    for together in _portions(clips, rows):
        heard: list[np.ndarray] = []
        for row in together:
            try:
                pulses = clips.decode(row)
            except BadAudio as error:
                bad[clips.rows[row]["id"]] = error.reason
                continue
            heard.append(pulses)
        missing = [targets.find(pulses) is None for pulses in heard]
        if any(missing):
            # All of them, as what a teacher makes of a clip depends a little on which others are beside it: so a run
            # that was stopped in between finds what an unbroken one does.
            made = make([from_pulses(pulses) for pulses in heard])
            for pulses, of_clip, is_missing in zip(heard, made, missing, strict=True):
                if is_missing:
                    _keep(targets.store, pulses, of_clip)
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


def _keep(store: Store, pulses: np.ndarray, targets: np.ndarray) -> None:
    if not np.isfinite(targets).all():
        raise RunError("what these layers of the teacher make of a clip does not fit into 16 bits: choose others.")
    if not store.put(pulses, targets):
        raise RunError(
            f"{store.directory} cannot take what the encoder is to predict: the disk is full, or nearly so, or cannot "
            "be written to. Make room, lower --cache-gb, or name another directory with --cache; what is there is not "
            "made again."
        )

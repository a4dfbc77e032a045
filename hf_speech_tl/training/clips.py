"""The training clips: decoded when a batch needs them, then kept while memory allows."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NotRequired, Protocol, TypedDict

import datasets
import numpy as np
import psutil
import torch

from hf_speech_tl.audio import RATE, BadAudio, from_pulses
from hf_speech_tl.corpora import are_far, expect, pulses
from hf_speech_tl.errors import DataError
from hf_speech_tl.training.augmented import Augmenter
from hf_speech_tl.training.features import Features

_KEPT_SHARE = 0.25  # of the memory that is free; as 16-bit samples a GB holds nine hours


def room_for_clips() -> float:
    """Bytes of memory that one process may keep clips in."""
    return _KEPT_SHARE * free_memory()


def free_memory() -> float:
    """Bytes that are free for each of the processes on this machine, of which torchrun and accelerate tell how many."""
    return psutil.virtual_memory().available / int(os.environ.get("LOCAL_WORLD_SIZE", 1))


def bytes_of_samples(seconds: float) -> float:
    """What so much audio takes as it is kept, in 16 bits."""
    return 2 * RATE * seconds


class Clip(TypedDict):
    """One utterance: float32 samples at 16 kHz, or what the frozen part of the model made of them, float16
    `(frames, width)`; how many places of the attention mask it fills; label ids; its id in the corpus and its length.

    other: a second view of the same utterance, as long, where waveforms are augmented and two views are trained.
    targets: what a model is to predict of it, float16 `(frames, width)` or int64 `(frames,)`, where it learns without
    labels. epoch: in which it is heard, by which chance changes it; other copies in a batch have numbers of their own.
    trust: how much its loss counts, None where all count alike.
    """

    inputs: np.ndarray
    other: np.ndarray | None
    mask_length: int
    targets: np.ndarray | None
    labels: list[int]
    id: str
    epoch: int
    seconds: float
    trust: float | None


class Batch(TypedDict):
    """inputs `(batch, samples)`, or `(batch, frames, features)` where the model hears log-mel or what its frozen part
    made before; attention_mask over samples or frames; labels `(batch, labels)` padded with -100.

    Of what is learnt without labels: targets `(batch, frames, width)` float16 padded with 0, or `(batch, frames)` int64
    padded with -100; masked `(batch, frames)` bool; negatives `(batch, frames, count)` int64, other frames of the clip.

    trust: by how much the loss of each utterance is multiplied, `(batch,)` float32, where they do not count alike.

    With second views, inputs and attention_mask have twice as many rows: all first views, then all second ones.
    """

    inputs: torch.Tensor
    attention_mask: torch.Tensor
    ids: list[str]
    seconds: float
    labels: NotRequired[torch.Tensor]
    targets: NotRequired[torch.Tensor]
    masked: NotRequired[torch.Tensor]
    negatives: NotRequired[torch.Tensor]
    trust: NotRequired[torch.Tensor]


class Targets(Protocol):
    """Where the targets of clips are kept, or how they are made."""

    def of(self, pulses: np.ndarray) -> np.ndarray:
        """The targets of a clip of 16-bit samples `(samples,)`, as it was recorded, whatever is heard of it."""


class Labels(Sequence[list[int]]):
    """The label ids of a table's transcripts, encoded when asked for: of ten million they would take gigabytes."""

    def __init__(self, rows: datasets.Dataset, encode: Callable[[str], list[int]]) -> None:
        self._transcripts = rows.select_columns(["transcript"])
        self._encode = encode

    def __len__(self) -> int:
        return len(self._transcripts)

    def __getitem__(self, index: int) -> list[int]:  # type: ignore[override]
        return self._encode(self._transcripts[index]["transcript"])


@dataclass
class Clips(torch.utils.data.Dataset):
    """The rows of a screened split, decoded lazily. labels: of each row the label ids; () of those that have none.

    A clip that turns out bad while training is replaced by the next good one; its id and the reason stand in `bad`.
    Once `features` are set, clips are what the frozen part of the model makes of them, where that fits into 16 bits.
    augmenter: changes what `clips[row, epoch]` gives, None for clips as they are; views: 2 for a second one of each.
    targets: of clips without labels. trust: how much the loss of each row counts, `(rows,)`, None where all are alike.
    room: bytes of memory that they may be kept in.
    """

    rows: datasets.Dataset
    labels: Sequence[list[int]] = ()
    augmenter: Augmenter | None = None
    views: int = 1
    targets: Targets | None = None
    trust: np.ndarray | None = None
    room: float = field(default_factory=room_for_clips)
    bad: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.seconds: np.ndarray = np.asarray(self.rows.with_format("numpy")["seconds"][:], np.float32)
        self._ids = self.rows.select_columns(["id"])  # read when asked for: held, ten million would take a gigabyte
        self._kept: dict[int, np.ndarray] = {}
        self._left = self.room
        self._lengths: dict[int, int] = {}  # in samples, of clips that are features now
        self._features: Features | None = None
        self.far = are_far(self.rows)

    @property
    def features(self) -> Features | None:
        """What makes features of the clips, None where they stay samples."""
        return self._features

    @features.setter
    def features(self, features: Features | None) -> None:
        self._features = features
        self._kept.clear()
        self._left = self.room

    def __len__(self) -> int:
        return len(self.rows)

    def load(self, index: int) -> np.ndarray:
        """Samples of row `index`, float32 `(samples,)` at 16 kHz."""
        return from_pulses(self.pulses(index))

    def pulses(self, index: int) -> np.ndarray:
        """The same in 16 bits. Raises BadAudio."""
        if self._features is None:
            return self._remembered(index, self.decode)
        kept = self._kept.get(index)
        return kept if kept is not None and _is_samples(kept) else self.decode(index)

    def decode(self, index: int) -> np.ndarray:
        """The same without keeping it for later."""
        # Always by way of 16 bits, so that a clip is the same whether it was kept or decoded again.
        return pulses(self.rows[index]["audio"])

    @property
    def size(self) -> float:
        """Bytes of all clips, as they are kept: samples, or features."""
        seconds = float(self.seconds.sum())
        return self.features.frozen.bytes_a_second * seconds if self.features else bytes_of_samples(seconds)

    @property
    def size_kept(self) -> float:
        """Bytes of those that memory has room for."""
        return min(self.size, self.room)

    @property
    def size_stored(self) -> float:
        """Bytes that features of them take on the disk at most, beside those that are there already."""
        return min(max(0.0, self.size - self.features.stored), self.features.room) if self.features else 0.0

    def _encoded(self, index: int, features: Features) -> np.ndarray:
        """What features are made of a clip; its samples in 16 bits where they cannot be."""
        pulses = self.decode(index)
        self._lengths[index] = len(pulses)
        made = features.of(pulses)
        return pulses if made is None else made

    def _remembered(self, index: int, make: Callable[[int], np.ndarray]) -> np.ndarray:
        kept = self._kept.get(index)
        if kept is None:
            kept = make(index)
            if kept.nbytes <= self._left:
                self._kept[index] = kept
                self._left -= kept.nbytes
        return kept

    def __getitem__(self, index: int | tuple[int, int]) -> Clip:
        """The clip of a row, in an epoch by which it is augmented; the first one where none is named."""
        return self._good(index, plain=False)

    def __getitems__(self, rows: Sequence[int | tuple[int, int]]) -> list[Clip]:
        """The clips of a batch, as torch's own loader asks for them."""
        return self.alike(rows, [self[row] for row in rows])

    def alike(self, rows: Sequence[int | tuple[int, int]], clips: list[Clip]) -> list[Clip]:
        """The clips of a batch, all of them as samples where the features of one could not be made: no model hears
        both at once."""
        if len({_is_samples(clip["inputs"]) for clip in clips}) == 1:
            return clips
        return [self._good(row, plain=True) for row in rows]

    def _good(self, index: int | tuple[int, int], *, plain: bool) -> Clip:
        """The clip of a row, or of the next one that can be decoded; plain: as samples in any case."""
        index, epoch = index if isinstance(index, tuple) else (index, 0)
        for at in (*range(index, len(self)), *range(index)):
            name = self._ids[at]["id"]
            if name in self.bad:
                continue
            try:
                return self._clip(at, epoch, name, plain=plain)
            except BadAudio as error:
                self.leave_out(at, error)
        raise DataError("none of the recordings can be decoded any more. Has the data been moved or changed?")

    def expect(self, places: Sequence[int], *, alone: bool) -> None:
        """Begin to fetch the clips of these rows that are far away and not kept: as corpora.expect has it."""
        expect(self.rows, [at for at in places if at not in self._kept], alone=alone)

    def leave_out(self, index: int, fault: BadAudio) -> None:
        """Note that the clip of a row cannot be decoded, and tell of it once."""
        name = self._ids[index]["id"]
        if name not in self.bad:
            print(f"skipped from now on: {name}: {fault.reason}", file=sys.stderr)
        self.bad[name] = fault.reason

    def _clip(self, index: int, epoch: int, name: str, *, plain: bool) -> Clip:
        labels = self.labels[index] if self.labels else []
        features = None if plain else self.features
        pulses = None
        made = self._remembered(index, lambda at: self._encoded(at, features)) if features else None
        if features and made is not None and not _is_samples(made):
            views = [made]
            length = features.frozen.mask_length(self._lengths[index])
        else:
            pulses = self.pulses(index)
            views = [from_pulses(pulses)]
            if self.augmenter:
                views = self.augmenter.views(views[0], name, epoch, labels, self.views)
            length = len(views[0])
        return Clip(
            inputs=views[0],
            other=views[1] if len(views) > 1 else None,
            mask_length=length,
            targets=self.targets.of(pulses if pulses is not None else self.pulses(index)) if self.targets else None,
            labels=labels,
            id=name,
            epoch=epoch,
            seconds=float(self.seconds[index]),
            trust=None if self.trust is None else float(self.trust[index]),
        )


def _is_samples(inputs: np.ndarray) -> bool:
    """Whether these are the samples of a clip, `(samples,)`, and not its features, `(frames, width)`."""
    return inputs.ndim == 1

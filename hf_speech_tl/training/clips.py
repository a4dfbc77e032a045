"""The training clips: decoded when a batch needs them, then kept while memory allows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

import datasets
import numpy as np
import torch

from hf_speech_tl.audio import RATE, BadAudio
from hf_speech_tl.corpora import samples
from hf_speech_tl.errors import DataError
from hf_speech_tl.models import FeatureExtractor
from hf_speech_tl.training.augmented import Augmenter

_KEPT_BYTES = 1 << 30  # of decoded audio: nine hours as 16-bit samples, on a laptop with 8 GB


class Clip(TypedDict):
    """One utterance: float32 samples at 16 kHz, label ids, and its id in the corpus.

    other: a second view of the same utterance, as long, where waveforms are augmented and two views are trained.
    """

    samples: np.ndarray
    other: np.ndarray | None
    labels: list[int]
    id: str


class Batch(TypedDict):
    """inputs `(batch, samples)`, or `(batch, frames, features)` where the model hears log-mel; attention_mask over
    samples or frames; labels `(batch, labels)` padded with -100.

    With second views, inputs and attention_mask have twice as many rows: all first views, then all second ones.
    """

    inputs: torch.Tensor
    attention_mask: torch.Tensor
    labels: torch.Tensor
    ids: list[str]
    seconds: float


@dataclass
class Clips(torch.utils.data.Dataset):
    """The rows of a screened split, decoded lazily.

    A clip that turns out bad while training is replaced by the next good one; its id and the reason stand in `bad`.
    augmenter: changes what `clips[row, epoch]` gives, None for clips as they are; views: 2 for a second one of each.
    """

    rows: datasets.Dataset
    labels: Sequence[list[int]]
    augmenter: Augmenter | None = None
    views: int = 1
    bad: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ids: list[str] = self.rows["id"][:]
        self.seconds: list[float] = self.rows["seconds"][:]
        self._kept: dict[int, np.ndarray] = {}
        self._kept_bytes = 0

    def __len__(self) -> int:
        return len(self.rows)

    def load(self, index: int) -> np.ndarray:
        """Samples of row `index`, float32 `(samples,)` at 16 kHz."""
        pulses = self._kept.get(index)
        if pulses is None:
            # Always by way of 16 bits, so that a clip is the same whether it was kept or decoded again.
            pulses = np.rint(np.clip(samples(self.rows[index]["audio"]), -1, 1) * 32767).astype(np.int16)
            if self._kept_bytes + pulses.nbytes <= _KEPT_BYTES:
                self._kept[index] = pulses
                self._kept_bytes += pulses.nbytes
        return pulses.astype(np.float32) / 32767

    def __getitem__(self, index: int | tuple[int, int]) -> Clip:
        """The clip of a row, in an epoch by which it is augmented; the first one where none is named."""
        index, epoch = index if isinstance(index, tuple) else (index, 0)
        for at in (*range(index, len(self)), *range(index)):
            if self.ids[at] in self.bad:
                continue
            try:
                views = [self.load(at)]
            except BadAudio as error:
                self.bad[self.ids[at]] = error.reason
                print(f"skipped from now on: {self.ids[at]}: {error.reason}", file=sys.stderr)
                continue
            if self.augmenter:
                views = self.augmenter.views(views[0], self.ids[at], epoch, self.labels[at], self.views)
            other = views[1] if len(views) > 1 else None
            return Clip(samples=views[0], other=other, labels=self.labels[at], id=self.ids[at])
        raise DataError("none of the recordings can be decoded any more. Has the data been moved or changed?")


def collator(feature_extractor: FeatureExtractor) -> Callable[[list[Clip]], Batch]:
    """A function that pads clips into a batch."""

    def collate(clips: list[Clip]) -> Batch:
        others = [clip["other"] for clip in clips if clip["other"] is not None]
        inputs = feature_extractor(
            [*(clip["samples"] for clip in clips), *others],
            sampling_rate=RATE,
            padding="longest",
            return_attention_mask=True,
            return_tensors="pt",
        )
        width = max(len(clip["labels"]) for clip in clips)
        labels = [clip["labels"] + [-100] * (width - len(clip["labels"])) for clip in clips]
        return Batch(
            inputs=inputs[feature_extractor.model_input_names[0]],
            attention_mask=inputs["attention_mask"].long(),
            labels=torch.tensor(labels),
            ids=[clip["id"] for clip in clips],
            seconds=sum(len(clip["samples"]) for clip in clips) / RATE,
        )

    return collate

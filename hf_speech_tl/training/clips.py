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

_KEPT_BYTES = 1 << 30  # of decoded audio: nine hours as 16-bit samples, on a laptop with 8 GB


class Clip(TypedDict):
    """One utterance: float32 samples at 16 kHz, label ids, and its id in the corpus."""

    samples: np.ndarray
    labels: list[int]
    id: str


class Batch(TypedDict):
    """inputs `(batch, samples)`, or `(batch, frames, features)` where the model hears log-mel; attention_mask over
    samples or frames; labels `(batch, labels)` padded with -100."""

    inputs: torch.Tensor
    attention_mask: torch.Tensor
    labels: torch.Tensor
    ids: list[str]
    seconds: float


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
    """The rows of a screened split, decoded lazily.

    A clip that turns out bad while training is replaced by the next good one; its id and the reason stand in `bad`.
    """

    rows: datasets.Dataset
    labels: Sequence[list[int]]
    bad: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.seconds: np.ndarray = np.asarray(self.rows.with_format("numpy")["seconds"][:], np.float32)
        self._ids = self.rows.select_columns(["id"])  # read when asked for: held, ten million would take a gigabyte
        self._bad_rows: set[int] = set()
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

    def __getitem__(self, index: int) -> Clip:
        for at in (*range(index, len(self)), *range(index)):
            if at in self._bad_rows:
                continue
            name = self._ids[at]["id"]
            try:
                return Clip(samples=self.load(at), labels=self.labels[at], id=name)
            except BadAudio as error:
                self._bad_rows.add(at)
                self.bad[name] = error.reason
                print(f"skipped from now on: {name}: {error.reason}", file=sys.stderr)
        raise DataError("none of the recordings can be decoded any more. Has the data been moved or changed?")


def collator(feature_extractor: FeatureExtractor) -> Callable[[list[Clip]], Batch]:
    """A function that pads clips into a batch."""

    def collate(clips: list[Clip]) -> Batch:
        inputs = feature_extractor(
            [clip["samples"] for clip in clips],
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

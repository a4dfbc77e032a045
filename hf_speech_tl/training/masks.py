"""Which frames of a clip are masked: spans at random, as wav2vec 2.0 has them (Baevski et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_SECONDS = 0.2  # of a span: 10 frames at 50 a second
CONTRASTIVE_SHARE = 0.65  # wav2vec 2.0: a span starts at 6.5 % of the frames
PREDICTION_SHARE = 0.8  # HuBERT: at 8 %


@dataclass(frozen=True)
class Spans:
    """Spans of `length` frames, so many that together they are `share` of a clip, from 0 to 1.

    They overlap, so that fewer frames are masked: of clips of 10 s, for a share of 0.65 and of 0.8, 49 and 57 % in
    spans of ten frames (50 a second), 50 and 58 % in spans of five (25 a second); of clips of 1 s some 2 % more.
    """

    share: float
    length: int

    @classmethod
    def at_rate(cls, share: float, frame_rate: float) -> Spans:
        """Spans of 0.2 s for a model with so many frames a second: 10 at 50, 5 at 25, 1 at the least."""
        return cls(share, max(1, round(_SECONDS * frame_rate)))

    def draw(self, frames: int, generator: np.random.Generator) -> np.ndarray:
        """A mask `(frames,)`, bool, of a clip with so many frames, padding not among them.

        `share * frames / length` spans, rounded up or down by chance so that this is their mean, but at least one,
        start at different frames, each as likely as another. A span is at most half of a short clip, and where all of
        it would be masked the last span that was drawn goes: at least one frame is masked and one is not. Only a clip
        of a single frame cannot have both, and nothing of it is masked.
        """
        masked = np.zeros(frames, bool)
        if frames < 2:
            return masked
        length = min(self.length, frames // 2)
        count = max(1, int(self.share * frames / length + generator.random()))
        starts = generator.choice(frames - length + 1, count, replace=False)
        masked[starts[:, None] + np.arange(length)] = True
        while masked.all():
            starts = starts[:-1]
            masked[:] = False
            masked[starts[:, None] + np.arange(length)] = True
        return masked

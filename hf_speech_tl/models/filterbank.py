"""The log-mel features that w2v-BERT hears, as the extractor of transformers makes them, whatever the batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array
from transformers import SeamlessM4TFeatureExtractor

from hf_speech_tl.audio import power_spectrum

_FLOOR = float(np.finfo(np.float32).eps)  # of a band's power
_LOUDEST = 2**15  # Kaldi hears whole numbers of 16 bits


def log_mel(extractor: SeamlessM4TFeatureExtractor, samples: np.ndarray) -> np.ndarray:
    """Of a clip `(samples,)` at 16 kHz its bands, each with mean 0 and variance 1 over the clip: float32 `(frames,
    bands)`, 100 frames a second.

    transformers transforms frame by frame, in Python; here a clip's frames are transformed together.
    """
    power = power_spectrum(samples.astype(np.float32) * _LOUDEST)
    # Nearly all of the filters is zeros. A dense product would, besides, wake numpy's own threads, which then spin for
    # some hundredths of a second and take a core from what the model does meanwhile.
    filters = csr_array(extractor.mel_filters.astype(np.float32))
    bands = np.log(np.maximum(_FLOOR, power @ filters))
    bands = bands.astype(np.float64)  # or rounding would be what is left of silence
    return ((bands - bands.mean(axis=0)) / np.sqrt(bands.var(axis=0, ddof=1) + 1e-7)).astype(np.float32)


def joined(frames: int, stride: int) -> int:
    """How many inputs of `stride` frames the extractor makes of a clip that it hears alone.

    It fills up an odd number of frames, and lets an input count that has a second frame.
    """
    return min((frames + frames % 2) // stride, (frames - 2) // stride + 1)


def join(clips: Sequence[np.ndarray], stride: int, padding: float) -> tuple[np.ndarray, np.ndarray]:
    """Frames of clips `(frames, bands)`, `stride` of them joined to one, as a batch `(clips, longest, stride * bands)`
    and its mask, 1 where a clip has such a frame, `(clips, longest)`.

    A clip has as many as alone; the extractor of transformers may give it one more beside longer ones, where `stride`
    is above 2.
    """
    counts = [joined(len(clip), stride) for clip in clips]
    longest = max(counts)
    batch = np.full((len(clips), longest * stride, clips[0].shape[1]), padding, np.float32)
    mask = np.zeros((len(clips), longest), np.int64)
    for row, (clip, count) in enumerate(zip(clips, counts, strict=True)):
        own = clip[: count * stride]
        batch[row, : len(own)] = own
        mask[row, :count] = 1
    return batch.reshape(len(clips), longest, stride * batch.shape[2]), mask

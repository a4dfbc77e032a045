"""Clips of different lengths as one batch of what a model is fed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2FeatureExtractor

from hf_speech_tl.audio import RATE
from hf_speech_tl.models.filterbank import join, log_mel
from hf_speech_tl.models.frontends import FeatureExtractor


def alike(lengths: Sequence[float] | np.ndarray, limit: float) -> Iterator[list[int]]:
    """Numbers of clips of similar lengths together, the longest first; more than one come to `limit` at most, padded.

    limit: in the unit of the lengths.
    """
    batch: list[int] = []
    for number in sorted(range(len(lengths)), key=lambda number: lengths[number], reverse=True):
        if batch and (len(batch) + 1) * lengths[batch[0]] > limit:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def pad(feature_extractor: FeatureExtractor, clips: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """A padded batch `(batch, samples)`, or `(batch, frames, features)` of log-mel, and its mask, 1 where it is not
    padding, `(batch, samples or frames)`; of clips `(samples,)` at 16 kHz.

    Waveforms are normalised and padded here, to the same bits as the extractor of transformers does it, whose lists and
    copies take two (3 clips of 4 s) to five times (12 of 1 s) as long on a CPU. What w2v-BERT hears comes out to within
    rounding, in 1 / 1.6 of the processor time (20 clips of 3 s), and does not depend on the batch.
    """
    if type(feature_extractor) is SeamlessM4TFeatureExtractor and feature_extractor.padding_side == "right":
        bands = [log_mel(feature_extractor, clip) for clip in clips]
        batch, mask = join(bands, feature_extractor.stride, feature_extractor.padding_value)
        return torch.from_numpy(batch), torch.from_numpy(mask)
    if type(feature_extractor) is not Wav2Vec2FeatureExtractor or feature_extractor.padding_side != "right":
        inputs = feature_extractor(
            list(clips), sampling_rate=RATE, padding="longest", return_attention_mask=True, return_tensors="pt"
        )
        return inputs[feature_extractor.model_input_names[0]], inputs["attention_mask"].long()
    width = max(len(clip) for clip in clips)
    batch = np.full((len(clips), width), feature_extractor.padding_value, np.float32)
    mask = np.zeros((len(clips), width), np.int64)
    for row, clip in enumerate(clips):
        if feature_extractor.do_normalize:
            clip = (clip - clip.mean()) / np.sqrt(clip.var() + 1e-7)
        batch[row, : len(clip)] = clip
        mask[row, : len(clip)] = 1
    return torch.from_numpy(batch), torch.from_numpy(mask)

"""Greedy CTC decoding: the best symbol of every frame, repeats merged, blanks dropped."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel

from hf_speech_tl.audio import RATE
from hf_speech_tl.models import FeatureExtractor, Vocabulary, hears_padding, input_name, logits_of


@dataclass(frozen=True)
class Recognition:
    """The text of one clip; how sure the model was (geometric mean of the chosen symbols' probabilities, blanks left
    out; 0 where all frames are blank); and the share of its frames that are blank."""

    text: str
    confidence: float
    blank_share: float


def recognise(
    model: PreTrainedModel,
    feature_extractor: FeatureExtractor,
    vocabulary: Vocabulary,
    load: Callable[[int], np.ndarray],
    seconds: Sequence[float],
    *,
    batch_seconds: float = 60.0,
    dtype: torch.dtype = torch.float32,
) -> list[Recognition]:
    """Recognise `len(seconds)` clips; `load(i)` gives the samples of clip i, `(samples,)` at 16 kHz, in its turn.

    Clips of similar length share a batch. Where a model hears its padding, text would depend on the neighbours: there,
    clips go one by one, as transformers' pipeline takes them.
    """
    if hears_padding(model.config):
        batch_seconds = 0.0
    found: list[Recognition | None] = [None] * len(seconds)
    was_training = model.training
    model.eval()
    precision = contextlib.nullcontext() if dtype == torch.float32 else torch.autocast(model.device.type, dtype)
    with torch.inference_mode(), precision:
        for indices in _batches(seconds, batch_seconds):
            clips = [load(index) for index in indices]
            inputs = feature_extractor(
                clips, sampling_rate=RATE, padding="longest", return_attention_mask=True, return_tensors="pt"
            ).to(model.device)
            logits, frames = logits_of(model, model.config, inputs[input_name(model.config)], inputs["attention_mask"])
            for index, rows, count in zip(indices, logits.float().cpu(), frames.tolist(), strict=True):
                found[index] = _best(rows[:count], vocabulary)
    model.train(was_training)
    return [recognition for recognition in found if recognition is not None]


def _batches(seconds: Sequence[float], batch_seconds: float) -> Iterator[list[int]]:
    batch: list[int] = []
    for index in sorted(range(len(seconds)), key=lambda i: seconds[i]):
        if batch and (len(batch) + 1) * seconds[index] > batch_seconds:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _best(logits: torch.Tensor, vocabulary: Vocabulary) -> Recognition:
    """logits: `(frames, symbols)`."""
    log_probabilities, ids = logits.log_softmax(-1).max(-1)
    spoken = ids != vocabulary.blank
    confidence = log_probabilities[spoken].mean().exp().item() if spoken.any() else 0.0
    return Recognition(vocabulary.decode(ids.tolist()), confidence, 1 - spoken.float().mean().item())

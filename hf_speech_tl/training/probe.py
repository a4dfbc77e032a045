"""How much of what is said an encoder tells: the letter errors of a linear CTC layer on its frozen states."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel

from hf_speech_tl.models import FeatureExtractor, Vocabulary, alike, for_inference, hears_padding, pad, states_of
from hf_speech_tl.objectives import ctc_losses
from hf_speech_tl.scoring import character_edits, rate
from hf_speech_tl.training.clips import Clips

_STEPS = 300
_STEP_SECONDS = 60.0
_RATE = 1e-2
_ENCODED_SECONDS = {"cpu": 24.0, "cuda": 120.0}  # of padded audio at once


@dataclass(frozen=True)
class Probe:
    """train: labelled clips, some minutes of them; validation: others, of which `references` are said.

    Nothing in it is drawn by chance but the order of the steps, which is always the same, and it begins at zero: the
    same encoder has the same figure.
    """

    train: Clips
    validation: Clips
    references: Sequence[str]
    vocabulary: Vocabulary
    feature_extractor: FeatureExtractor
    spaced: bool

    def error_rate(self, encoder: PreTrainedModel, dtype: torch.dtype) -> float:
        """The CER, after some hundred steps of training the layer; the encoder is left as it was."""
        return rate(self.edits(encoder, dtype))

    def edits(self, encoder: PreTrainedModel, dtype: torch.dtype) -> np.ndarray:
        """What it is of: edits and length of each validation clip, (clips, 2) as character_edits has them."""
        quick = for_inference(encoder)
        learnt = self._states(quick, self.train, dtype)
        mean, deviation = _moments(learnt)
        scaled = [(states - mean) / deviation for states in learnt]
        layer = self._trained(scaled)
        texts = []
        with torch.inference_mode():
            for states in self._states(quick, self.validation, dtype):
                texts.append(self.vocabulary.decode(layer((states - mean) / deviation).argmax(-1).tolist()))
        return character_edits(self.references, texts, spaced=self.spaced)

    def _states(self, encoder: PreTrainedModel, clips: Clips, dtype: torch.dtype) -> list[Tensor]:
        """The encoder's states of each clip, float32 `(frames, width)`, where the encoder is."""
        device = encoder.device
        limit = 0.0 if hears_padding(encoder.config) else _ENCODED_SECONDS.get(device.type, 24.0)
        found: dict[int, Tensor] = {}
        precision = contextlib.nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)
        with torch.inference_mode(), precision:
            for numbers in alike(clips.seconds, limit):
                inputs, mask = pad(self.feature_extractor, [clips.load(number) for number in numbers])
                states, frames = states_of(encoder, encoder.config, inputs.to(device), mask.to(device))
                for number, of_clip, count in zip(numbers, states.float(), frames.tolist(), strict=True):
                    found[number] = of_clip[:count].clone()
        return [found[number] for number in range(len(clips))]

    def _trained(self, states: Sequence[Tensor]) -> nn.Linear:
        device = states[0].device
        # As a layer is made, it draws numbers from torch's stream, which the training goes on with.
        layer = nn.utils.skip_init(nn.Linear, states[0].shape[1], len(self.vocabulary), device=device)
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)
        optimiser = torch.optim.Adam(layer.parameters(), lr=_RATE)
        batches = [self._batch(states, numbers) for numbers in alike(self.train.seconds, _STEP_SECONDS)]
        generator = np.random.default_rng(0)
        order = [at for _ in range(-(-_STEPS // len(batches))) for at in generator.permutation(len(batches))]
        for step, at in enumerate(order[:_STEPS]):
            padded, frames, labels = batches[at]
            for group in optimiser.param_groups:
                group["lr"] = _RATE * (1 - step / _STEPS)
            loss = ctc_losses(layer(padded).log_softmax(-1), frames, labels, self.vocabulary.blank).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return layer

    def _batch(self, states: Sequence[Tensor], numbers: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        chosen = [states[number] for number in numbers]
        labels = [torch.tensor(self.train.labels[number]) for number in numbers]
        device = chosen[0].device
        return (
            pad_sequence(chosen, batch_first=True),
            torch.tensor([len(one) for one in chosen], device=device),
            pad_sequence(labels, batch_first=True, padding_value=-100).to(device),
        )


def _moments(states: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each value over all frames, `(width,)`."""
    together = torch.cat(list(states))
    return together.mean(0), together.std(0).clamp(min=1e-5)

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tiny import FAMILIES, encoder_of, extractor_of, tiny_model
from torch import Tensor

from hf_speech_tl.models import frame_count, input_name, pad
from hf_speech_tl.objectives import MaskedPrediction

CLUSTERS = 7
# Of other families, what is heard depends on the padding: docs/families.md.
EXACT = ("wav2vec2", "hubert", "wavlm", "unispeech", "unispeech-sat", "wav2vec2-bert")
MASKABLE = [family for family in FAMILIES if family not in ("parakeet_ctc", "lasr_ctc")]


def objective_of(family: str, **changes: object) -> MaskedPrediction:
    encoder = encoder_of(tiny_model(family, **changes))
    torch.manual_seed(1)
    return MaskedPrediction(encoder, CLUSTERS).train()


def clip_of(samples: int, seed: int) -> tuple[np.ndarray, np.random.Generator]:
    generator = np.random.default_rng(seed)
    return generator.normal(0, 0.1, samples).astype(np.float32), generator


def batch_of(objective: MaskedPrediction, lengths: tuple[int, ...], first: int = 0) -> dict[str, Tensor]:
    """Clips of so many samples, each the same whatever it is batched with: its seed counts from `first`."""
    clips, masks, targets = [], [], []
    for seed, samples in enumerate(lengths, first):
        clip, generator = clip_of(samples, seed)
        frames = frame_count(objective.config, samples)
        mask = torch.from_numpy(generator.random(frames) < 0.5)
        mask[1], mask[2] = True, False
        clips.append(clip)
        masks.append(mask)
        targets.append(torch.from_numpy(generator.integers(0, CLUSTERS, frames)))
    inputs, attention_mask = pad(extractor_of(objective.encoder), clips)
    return {
        "inputs": inputs,
        "attention_mask": attention_mask,
        "masked": torch.nn.utils.rnn.pad_sequence(masks, batch_first=True),
        "targets": torch.nn.utils.rnn.pad_sequence(targets, batch_first=True, padding_value=-100),
    }


def slow_loss(objective: MaskedPrediction, samples: int, seed: int) -> Tensor:
    """A clip's loss, frame by frame and cluster by cluster, of the clip alone and with masks put in here."""
    batch = batch_of(objective, (samples,), seed)
    encoder, inputs = objective.encoder, batch["inputs"]
    if input_name(objective.config) == "input_values":
        inputs = encoder.feature_extractor(inputs).transpose(1, 2)
    states = encoder.feature_projection(inputs)
    states = states[0] if isinstance(states, tuple) else states
    rows = [
        encoder.masked_spec_embed if masked else state
        for state, masked in zip(states[0], batch["masked"][0], strict=True)
    ]
    states = encoder.encoder(torch.stack(rows)[None]).last_hidden_state[0]
    loss = torch.zeros(())
    for state, masked, target in zip(states, batch["masked"][0], batch["targets"][0], strict=True):
        if masked:
            vector = objective.projection.weight @ state + objective.projection.bias
            scores = [
                (vector * code).sum() / vector.square().sum().sqrt() / code.square().sum().sqrt() / 0.1
                for code in objective.codes
            ]
            loss = loss - (scores[int(target)].exp() / sum(score.exp() for score in scores)).log()
    return loss


def gradients(objective: MaskedPrediction, loss: Tensor) -> dict[str, Tensor | None]:
    objective.zero_grad()
    loss.backward()
    return {name: weight.grad for name, weight in objective.named_parameters()}


@pytest.mark.parametrize("family", EXACT)
def test_a_step_is_that_of_a_slow_reference(family: str) -> None:
    objective = objective_of(family)
    lengths = (5_040, 8_240, 2_480)  # of log-mel frames these have even numbers, so that none is cut off
    batch = batch_of(objective, lengths)
    count = objective.count(batch)
    losses = objective(batch)
    slow = [slow_loss(objective, samples, seed) for seed, samples in enumerate(lengths)]
    assert losses.shape == (3,) and losses.dtype == torch.float32
    torch.testing.assert_close(losses.sum() / count, sum(slow) / count, rtol=1e-5, atol=1e-5)
    found = gradients(objective, losses.sum() / count)
    expected = gradients(objective, sum(slow) / count)
    assert found["encoder.masked_spec_embed"] is not None
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-5, atol=1e-5, msg=name)


@pytest.mark.parametrize("family", EXACT)
def test_a_clip_s_loss_does_not_depend_on_what_it_is_batched_with(family: str) -> None:
    objective = objective_of(family)
    lengths = (5_000, 9_123, 3_300)
    together = objective(batch_of(objective, lengths))
    for seed, samples in enumerate(lengths):
        alone = objective(batch_of(objective, (samples,), seed))
        torch.testing.assert_close(together[seed], alone[0], rtol=1e-5, atol=1e-4)  # of sums of some 12 frames


@pytest.mark.parametrize("family", MASKABLE)
def test_every_family_that_can_be_masked_learns_from_masked_frames_alone(family: str) -> None:
    objective = objective_of(family, mask_feature_prob=0.5, apply_spec_augment=False)
    batch = batch_of(objective, (5_000, 9_123))
    losses = objective(batch)
    found = gradients(objective, losses.sum())
    assert losses.isfinite().all()
    # transformers builds wav2vec2-conformer with convolutions for positions, and does not run them.
    assert all("pos_conv_embed" in name for name, gradient in found.items() if gradient is None)
    assert found["encoder.masked_spec_embed"].any()
    elsewhere = batch | {"targets": torch.where(batch["masked"], batch["targets"], 0)}
    torch.testing.assert_close(objective(elsewhere), losses)  # nothing in a step is random either


def test_frames_without_a_target_count_for_nothing() -> None:
    objective = objective_of("hubert")
    batch = batch_of(objective, (5_000, 9_123))
    whole, losses = objective.count(batch), objective(batch)
    assert whole == int(batch["masked"].sum())
    batch["targets"][0] = -100
    assert objective.count(batch) == whole - int(batch["masked"][0].sum())
    torch.testing.assert_close(objective(batch), losses * torch.tensor([0.0, 1.0]))


def test_what_does_not_hear_is_as_good_as_a_guess() -> None:
    objective = objective_of("wav2vec2")
    with torch.no_grad():
        objective.codes[:] = objective.codes[0]
    batch = batch_of(objective, (5_000, 9_123))
    assert objective(batch).sum().item() / objective.count(batch) == pytest.approx(math.log(CLUSTERS), abs=1e-5)


def test_half_precision_is_not_for_scores() -> None:
    objective = objective_of("wav2vec2")
    batch = batch_of(objective, (5_000, 9_123))
    with torch.autocast("cpu", torch.bfloat16):
        losses = objective(batch)
    assert losses.dtype == torch.float32
    torch.testing.assert_close(losses, objective(batch), rtol=0.05, atol=0.0)


def test_some_steps_teach_it() -> None:
    objective = objective_of("wav2vec2")
    batch = batch_of(objective, (5_000,))
    optimiser = torch.optim.Adam(objective.parameters(), 1e-2)
    losses = []
    for _ in range(6):
        loss = objective(batch).sum() / objective.count(batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_it_is_seen_when_all_frames_are_predicted_as_one_cluster() -> None:
    objective = objective_of("wav2vec2")
    batch = batch_of(objective, (6000, 9000))
    objective(batch)
    sound = objective.tally.figures_of(objective.tally.total())
    assert sound is not None and sound.perplexity > 1 and sound.cosine < 0.999
    with torch.no_grad():
        objective.projection.weight.zero_()
    objective.tally.clear()
    objective(batch)
    same = objective.tally.figures_of(objective.tally.total())
    counted = batch["masked"] & (batch["targets"] >= 0)
    said = int((torch.nn.functional.normalize(objective.codes, dim=-1) @ objective.projection.bias).argmax())
    assert same is not None and (same.perplexity, same.used) == (1.0, 1)
    assert same.cosine == pytest.approx(1, abs=1e-4)
    assert same.accuracy == pytest.approx((batch["targets"][counted] == said).float().mean().item())

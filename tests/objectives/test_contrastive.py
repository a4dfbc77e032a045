"""The contrastive loss against slow loops and against transformers' own, and what is counted of a collapse."""

import numpy as np
import pytest
import torch
from tiny import EXTRACTOR, tiny_model
from torch.nn import functional

from hf_speech_tl.models import Checkpoint, add_quantiser, frame_count, pad
from hf_speech_tl.objectives import Contrastive, Tally, draw_negatives

GROUPS, CODES, NEGATIVES = 2, 3, 5  # so few codes that many negatives have that of their frame


def objective(family: str = "wav2vec2", **changes: object) -> Contrastive:
    own = dict(num_codevector_groups=GROUPS, num_codevectors_per_group=CODES, codevector_dim=8)
    own |= dict(proj_codevector_dim=12, num_negatives=NEGATIVES, diversity_loss_weight=0.3)
    checkpoint = Checkpoint("tiny", tiny_model(family, **own | changes), EXTRACTOR, None, fresh=True)
    return Contrastive(add_quantiser(checkpoint)[0]).train()


def batch_of(clips: list[np.ndarray], masks: list[np.ndarray], seed: int = 0) -> dict:
    inputs, mask = pad(EXTRACTOR, clips)
    generator = np.random.default_rng(seed)
    negatives = [torch.from_numpy(draw_negatives(masked, NEGATIVES, generator)) for masked in masks]
    return {
        "inputs": inputs,
        "attention_mask": mask,
        "masked": torch.nn.utils.rnn.pad_sequence([torch.from_numpy(masked) for masked in masks], True),
        "negatives": torch.nn.utils.rnn.pad_sequence(negatives, True),
    }


def clips_and_masks(lengths: tuple[int, ...] = (9000, 5200, 6123)) -> tuple[list[np.ndarray], list[np.ndarray]]:
    generator = np.random.default_rng(1)
    clips = [generator.normal(0, 0.1, length).astype(np.float32) for length in lengths]
    masks = [generator.random(frame_count(objective().config, length)) < 0.5 for length in lengths]
    return clips, masks


def noise_of(count: int) -> torch.Tensor:
    """What is added to the scores of each masked frame: `(frames, groups, codes)`."""
    uniform = torch.rand(count, GROUPS, CODES, generator=torch.Generator().manual_seed(5))
    return -(-uniform.log()).log()


def draw_with(noise: torch.Tensor | float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the Gumbel softmax add `noise`, and its hard choices be exact."""

    def gumbel_softmax(scores: torch.Tensor, tau: float = 1, hard: bool = False) -> torch.Tensor:
        soft = ((scores + noise) / tau).softmax(-1)
        assert hard
        return functional.one_hot(soft.argmax(-1), soft.shape[-1]) + (soft - soft.detach())

    monkeypatch.setattr(functional, "gumbel_softmax", gumbel_softmax)


def slow_losses(taught: Contrastive, clips: list[np.ndarray], batch: dict, noise: torch.Tensor) -> list[torch.Tensor]:
    """Each clip's loss by loops over frames and negatives, each clip alone and without padding."""
    model, config = taught.model, taught.config
    frames, at = [], 0  # of all clips: what is predicted, the quantised target, and which codes that has
    shares = []
    for clip, samples in enumerate(clips):
        masked = batch["masked"][clip, : frame_count(config, len(samples))]
        heard = model.wav2vec2(pad(EXTRACTOR, [samples])[0], mask_time_indices=masked[None])
        mine = {}
        for frame in masked.nonzero().flatten().tolist():
            scores = model.quantizer.weight_proj(heard.extract_features[0, frame]).view(GROUPS, CODES)
            parts, codes = [], []
            for group in range(GROUPS):
                soft = ((scores[group] + noise[at, group]) / model.quantizer.temperature).softmax(0)
                code = int(soft.argmax())
                vectors = model.quantizer.codevectors[0, group * CODES : (group + 1) * CODES]
                parts.append(vectors[code] + ((soft - soft.detach())[:, None] * vectors).sum(0))
                codes.append(code)
            target = model.project_q(torch.cat(parts))
            mine[frame] = (model.project_hid(heard.last_hidden_state[0, frame]), target, codes)
            shares.append(scores.softmax(-1))
            at += 1
        frames.append(mine)
    mean = torch.stack(shares).mean(0)
    perplexity = sum(torch.exp(-sum(share * share.log() for share in group)) for group in mean)
    losses = []
    for clip, mine in enumerate(frames):
        total = config.diversity_loss_weight * (GROUPS * CODES - perplexity) / (GROUPS * CODES) * len(mine)
        for frame, (predicted, target, codes) in mine.items():
            logits = [torch.cosine_similarity(predicted, target, 0) / config.contrastive_logits_temperature]
            for other in batch["negatives"][clip, frame].tolist():
                if mine[other][2] != codes:
                    alike = torch.cosine_similarity(predicted, mine[other][1], 0)
                    logits.append(alike / config.contrastive_logits_temperature)
            total = total + torch.stack(logits).logsumexp(0) - logits[0]
        losses.append(total)
    return losses


def gradients(taught: Contrastive) -> dict[str, torch.Tensor]:
    return {name: weight.grad.clone() for name, weight in taught.named_parameters() if weight.grad is not None}


def test_a_step_is_that_of_slow_loops_also_under_padding(monkeypatch) -> None:
    clips, masks = clips_and_masks()
    batch, taught = batch_of(clips, masks), objective()
    noise = noise_of(taught.count(batch))
    slow = slow_losses(taught, clips, batch, noise)
    sum(slow).backward()
    expected = gradients(taught)
    taught.zero_grad()
    draw_with(noise, monkeypatch)
    losses = taught(batch)
    losses.sum().backward()
    torch.testing.assert_close(losses, torch.stack(slow), rtol=1e-5, atol=1e-5)
    found = gradients(taught)
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-5, msg=name)
    assert found["model.wav2vec2.masked_spec_embed"].any() and found["model.quantizer.codevectors"].any()


@pytest.mark.parametrize("family", ["wav2vec2", "wav2vec2-conformer"])
def test_loss_and_gradient_are_those_of_transformers(family: str, monkeypatch) -> None:
    draw_with(0.0, monkeypatch)
    batch, taught = batch_of(*clips_and_masks()), objective(family)
    losses = taught(batch).sum()
    losses.backward()
    found = gradients(taught)
    taught.zero_grad()
    frames = batch["masked"].shape[1]
    across = batch["negatives"] + torch.arange(len(batch["inputs"]))[:, None, None] * frames
    theirs = taught.model(
        batch["inputs"],
        attention_mask=batch["attention_mask"],
        mask_time_indices=batch["masked"],
        sampled_negative_indices=across,
    ).loss
    theirs.backward()
    torch.testing.assert_close(losses, theirs, rtol=1e-5, atol=1e-5)
    for name, gradient in gradients(taught).items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-5, msg=name)


def test_a_batch_that_comes_out_longer_than_its_clips(monkeypatch) -> None:
    draw_with(0.0, monkeypatch)
    clips, masks = clips_and_masks()
    batch, taught = batch_of(clips, masks), objective()
    longer = batch | {
        name: functional.pad(batch[name], (0, 640 if name != "masked" else 0)) for name in ("inputs", "attention_mask")
    }
    torch.testing.assert_close(taught(longer), taught(batch), rtol=1e-5, atol=1e-5)


def test_negatives_are_other_masked_frames_each_as_likely() -> None:
    masked = np.array([0, 1, 1, 0, 0, 1, 0, 1, 1, 0], bool)
    count = 20_000
    negatives = draw_negatives(masked, count, np.random.default_rng(0))
    assert negatives.shape == (10, count) and negatives.dtype == np.int64
    assert not negatives[~masked].any()
    for frame in np.flatnonzero(masked):
        often = np.bincount(negatives[frame], minlength=10)
        others = masked.copy()
        others[frame] = False
        assert often[~others].sum() == 0
        # A quarter each: five standard deviations are 0.0153.
        assert abs(often[others] / count - 0.25).max() < 0.0153
    again = draw_negatives(masked, count, np.random.default_rng(0))
    assert (again == negatives).all()


def test_a_clip_without_other_masked_frames_has_nothing_to_tell_apart() -> None:
    one, none = np.zeros(28, bool), np.zeros(28, bool)
    one[3] = True
    assert (draw_negatives(one, 4, np.random.default_rng(0))[3] == 3).all()
    assert not draw_negatives(none, 4, np.random.default_rng(0)).any()
    clips, _ = clips_and_masks((9000, 9000))
    taught = objective(diversity_loss_weight=0.0)
    losses = taught(batch_of(clips, [one, none]))
    losses.sum().backward()
    assert losses.tolist() == [0.0, 0.0]
    taught = objective()
    taught(batch_of(clips, [none, none])).sum().backward()
    assert all(gradient.isfinite().all() for gradient in gradients(taught).values())


def test_a_codebook_of_one_code_leaves_no_negatives_and_is_seen() -> None:
    taught = objective(diversity_loss_weight=0.0)
    with torch.no_grad():
        taught.model.quantizer.weight_proj.weight.zero_()
        taught.model.quantizer.weight_proj.bias.copy_(torch.tensor([500.0, 0, 0, 0, 500.0, 0]))
    losses = taught(batch_of(*clips_and_masks()))
    losses.sum().backward()
    assert losses.tolist() == [0.0, 0.0, 0.0]
    assert all(gradient.isfinite().all() for gradient in gradients(taught).values())
    figures = taught.tally.figures_of(taught.tally.total())
    assert figures is not None and (figures.perplexity, figures.used, figures.accuracy) == (1.0, 2, 0.0)


def test_what_is_validated_is_not_random_and_not_counted() -> None:
    taught, batch = objective().eval(), batch_of(*clips_and_masks())
    with torch.no_grad():
        assert torch.equal(taught(batch), taught(batch))
    assert taught.tally.figures_of(taught.tally.total()) is None


def test_the_tally_does_not_depend_on_how_a_step_is_cut() -> None:
    generator = torch.Generator().manual_seed(0)
    directions = functional.normalize(torch.randn(9, 4, generator=generator), dim=-1)
    codes = torch.tensor([[0, 1], [0, 2], [1, 2], [1, 2], [0, 1], [0, 1], [2, 1], [0, 2], [0, 1]])
    picked = torch.tensor([1, 0, 0, 1, 1, 0, 0, 0, 0], dtype=torch.bool)
    whole, parts = Tally("code", 2, 4), Tally("code", 2, 4)
    whole.add(directions, codes, picked)
    found = whole.figures_of(whole.total())
    shares = [torch.tensor([6, 2, 1]) / 9, torch.tensor([5, 4]) / 9]
    assert found is not None
    assert found.perplexity == pytest.approx(sum(torch.exp(-(s * s.log()).sum()).item() for s in shares) / 2)
    assert found.used == 5 and found.accuracy == pytest.approx(3 / 9)
    cosines = [float(directions[i] @ directions[j]) for i in range(9) for j in range(9) if i != j]
    assert found.cosine == pytest.approx(np.mean(cosines), abs=1e-6)
    for part in (slice(4), slice(4, 9)):
        parts.add(directions[part], codes[part], picked[part])
    cut = parts.figures_of(parts.total())
    assert cut is not None and (cut.perplexity, cut.used, cut.accuracy) == (found.perplexity, 5, found.accuracy)
    parts.clear()
    assert parts.figures_of(parts.total()) is None

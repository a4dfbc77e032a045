import numpy as np
import pytest
import torch
from tiny import FAMILIES, RATE, encoder_of, extractor_of, tiny_model

from hf_speech_tl.models import frame_count, pad
from hf_speech_tl.objectives import Distillation, Spread

LAYERS, WIDTH = 2, 12
SPREAD = Spread(
    np.linspace(-3, 3, LAYERS * WIDTH).astype(np.float32), np.linspace(0.5, 4, LAYERS * WIDTH).astype(np.float32)
)
LENGTHS = (0.5, 0.31, 0.74)  # seconds


def batch_of(model, lengths=LENGTHS, seed: int = 0) -> dict[str, object]:
    """Clips of noise with random targets, in the frames of the model."""
    generator = np.random.default_rng(seed)
    clips = [generator.normal(0, 0.1, round(seconds * RATE)).astype(np.float32) for seconds in lengths]
    inputs, mask = pad(extractor_of(model), clips)
    counts = [frame_count(model.config, len(clip)) for clip in clips]
    targets = np.zeros((len(clips), max(counts), LAYERS * WIDTH), np.float16)
    for row, count in enumerate(counts):
        targets[row, :count] = generator.normal(0, 2, (count, LAYERS * WIDTH))
    return {"inputs": inputs, "attention_mask": mask, "targets": torch.from_numpy(targets), "counts": counts}


def objective_of(family: str = "wav2vec2", **changes) -> Distillation:
    model = tiny_model(family)
    torch.manual_seed(1)
    return Distillation(encoder_of(model), LAYERS, SPREAD, **changes)


def slow_loss(objective: Distillation, batch) -> tuple[list[float], int]:
    """The paper's loss of standardised values, one by one: mean absolute difference, log-sigmoid of the cosine."""
    with torch.no_grad():
        states = objective.encoder(batch["inputs"], attention_mask=batch["attention_mask"]).last_hidden_state
    weight, bias = objective.heads.weight.detach().double(), objective.heads.bias.detach().double()
    losses = []
    for row, count in enumerate(batch["counts"]):
        total = 0.0
        for frame in range(count):
            predicted = weight @ states[row, frame].double() + bias
            for layer in range(LAYERS):
                ours = [float(predicted[layer * WIDTH + at]) for at in range(WIDTH)]
                values = range(layer * WIDTH, (layer + 1) * WIDTH)
                theirs = [
                    (float(batch["targets"][row, frame, at]) - SPREAD.mean[at]) / SPREAD.deviation[at] for at in values
                ]
                difference = sum(abs(one - other) for one, other in zip(ours, theirs, strict=True)) / WIDTH
                product = sum(one * other for one, other in zip(ours, theirs, strict=True))
                norms = np.sqrt(sum(one**2 for one in ours)) * np.sqrt(sum(other**2 for other in theirs))
                total += (difference + np.log(1 + np.exp(-product / norms))) / LAYERS
        losses.append(total)
    return losses, sum(batch["counts"])


def test_a_step_is_that_of_a_slow_loop() -> None:
    objective = objective_of().eval()
    batch = batch_of(tiny_model())
    losses, frames = slow_loss(objective, batch)
    found = objective(batch)
    assert found.dtype == torch.float32 and objective.count(batch) == frames
    assert (found.sum() / frames).item() == pytest.approx(sum(losses) / frames, abs=1e-5)
    np.testing.assert_allclose(found.tolist(), losses, rtol=1e-5)


@pytest.mark.parametrize("family", ["wav2vec2", "wav2vec2-bert", "parakeet_ctc"])
def test_what_a_clip_is_batched_with_changes_nothing(family: str) -> None:
    objective = objective_of(family).eval()
    model = tiny_model(family)
    together = objective(batch_of(model))
    whole = batch_of(model)
    generator = np.random.default_rng(0)
    clips = [generator.normal(0, 0.1, round(seconds * RATE)).astype(np.float32) for seconds in LENGTHS]
    for row, clip in enumerate(clips):
        inputs, mask = pad(extractor_of(model), [clip])
        targets = whole["targets"][row : row + 1, : whole["counts"][row]]
        alone = objective({"inputs": inputs, "attention_mask": mask, "targets": targets})
        torch.testing.assert_close(alone[0], together[row], rtol=2e-2 if family == "parakeet_ctc" else 1e-4, atol=1e-3)


def test_what_stands_in_the_padding_of_the_targets_does_not_count() -> None:
    objective = objective_of().eval()
    batch = batch_of(tiny_model())
    before = objective(batch)
    batch["targets"][1, batch["counts"][1] :] = 100.0
    torch.testing.assert_close(objective(batch), before)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_can_be_taught_and_gets_a_gradient(family: str) -> None:
    objective = objective_of(family).train()
    batch = batch_of(tiny_model(family))
    (objective(batch).sum() / objective.count(batch)).backward()
    moved = [name for name, one in objective.encoder.named_parameters() if one.grad is not None and one.grad.any()]
    assert any("encoder.layer" in name or "layers." in name for name in moved)


def test_a_chosen_layer_leaves_those_above_it_without_a_gradient() -> None:
    objective = objective_of(student_layer=1).train()
    objective(batch_of(tiny_model())).sum().backward()
    layers = objective.encoder.encoder.layers
    assert layers[0].feed_forward.output_dense.weight.grad.any()
    assert layers[1].feed_forward.output_dense.weight.grad is None


def test_it_learns_what_a_teacher_says_of_a_few_clips() -> None:
    objective = objective_of().train()
    batch = batch_of(tiny_model())
    optimiser = torch.optim.Adam(objective.parameters(), 1e-2)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        loss = objective(batch).sum() / objective.count(batch)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.97 * losses[0]


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_heads_that_are_fitted_begin_below_random_ones(more: int) -> None:
    objective = objective_of().eval()
    batch = batch_of(tiny_model())
    targets = batch["targets"]
    batch["targets"] = torch.nn.functional.pad(targets, (0, 0, 0, more), value=100.0)  # a frame longer, or shorter
    encoder = {name: weight.clone() for name, weight in objective.encoder.state_dict().items()}
    before = objective(batch).sum().item()
    objective.fit_heads([batch])
    assert objective(batch).sum().item() < 0.95 * before
    assert all(torch.equal(weight, encoder[name]) for name, weight in objective.encoder.state_dict().items())
    if more == 1:
        fitted = objective.heads.weight.clone()
        objective.fit_heads([batch | {"targets": targets}])
        torch.testing.assert_close(objective.heads.weight, fitted)


def test_heads_find_what_is_linear_in_the_states_of_however_many_batches() -> None:
    objective = objective_of().eval()
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn((LAYERS * WIDTH, objective.config.hidden_size), generator=generator)
    model = tiny_model()
    batches = []
    for seed in range(8):
        batch = batch_of(model, seed=seed)
        with torch.no_grad():
            states = objective.encoder(batch["inputs"], attention_mask=batch["attention_mask"]).last_hidden_state
        frames = batch["targets"].shape[1]
        wanted = states[:, :frames] @ weight.T + 1.0
        batch["targets"] = wanted * torch.from_numpy(SPREAD.deviation) + torch.from_numpy(SPREAD.mean)
        batches.append(batch)
    objective.fit_heads(batches)
    loss = sum(objective(batch).sum().item() for batch in batches) / sum(map(objective.count, batches))
    assert loss < 0.33 + 0.1  # 0.31 is the log-sigmoid of a cosine of 1


def test_the_spread_is_that_of_all_frames_together() -> None:
    generator = np.random.default_rng(0)
    clips = [generator.normal(100, 3, (frames, 4)).astype(np.float16) for frames in (7, 1, 30)]
    for states in clips:
        states[:, 2] = 5  # never changes
    spread = Spread.of(iter(clips))
    frames = np.concatenate(clips).astype(np.float64)
    np.testing.assert_allclose(spread.mean, frames.mean(0), rtol=1e-6)
    np.testing.assert_allclose(spread.deviation, np.where(np.arange(4) == 2, 1, frames.std(0)), rtol=1e-4)

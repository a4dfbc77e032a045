import pytest
import torch
from test_trainer import FixedBatches, build
from tiny import tiny_model


def _step(directory, most: int, *, breaks_off: bool = False, batches=((0, 1, 2), (3, 4, 5, 6, 7))):
    """Gradients after a step with a model that holds at most so many clips, failing before or within its gradient."""
    trainer = build(directory, FixedBatches([list(batch) for batch in batches]), steps=1, accumulation=len(batches))
    trainer.args.max_grad_norm = 0.0
    found: dict[str, torch.Tensor] = {}
    compute = trainer.compute_loss

    def limited(model, inputs, *rest, **more):
        loss = compute(model, inputs, *rest, **more)
        if len(inputs["ids"]) > most:
            if not breaks_off:
                raise torch.OutOfMemoryError("no room")
            # A part of the gradient is there when the rest of the backward pass fails.
            loss = loss + model.lm_head.bias.sum() * 3
            model.lm_head.bias.register_post_accumulate_grad_hook(_fail)
        return loss

    def _fail(parameter):
        parameter._post_accumulate_grad_hooks.clear()
        raise torch.OutOfMemoryError("no room")

    trainer.compute_loss = limited
    keep = trainer.finite.on_pre_optimizer_step

    def note(args, state, control, **kwargs):
        found.update({n: p.grad.clone() for n, p in kwargs["model"].named_parameters() if p.grad is not None})
        return keep(args, state, control, **kwargs)

    trainer.finite.on_pre_optimizer_step = note
    trainer.args.logging_steps = trainer.state.logging_steps = 1
    trainer.train()
    loss = next((entry["loss"] for entry in trainer.state.log_history if "loss" in entry), None)
    return found, loss, trainer


@pytest.mark.parametrize("breaks_off", [False, True])
def test_a_batch_that_does_not_fit_gives_the_same_gradient_in_parts(breaks_off: bool, tmp_path) -> None:
    whole, loss, _ = _step(tmp_path / "whole", 8)
    parts, same_loss, trainer = _step(tmp_path / "parts", 2, breaks_off=breaks_off)
    assert whole.keys() == parts.keys() and loss == pytest.approx(same_loss, rel=1e-6)
    scale = max(gradient.abs().max() for gradient in whole.values())
    assert max((whole[name] - parts[name]).abs().max() for name in whole) < 1e-6 * scale
    assert not trainer.train_dataset.bad


def test_a_clip_that_does_not_fit_alone_is_left_out_and_named(tmp_path, capsys) -> None:
    model_says_no, _, trainer = _step(tmp_path, 0, batches=((0, 3),))
    assert not model_says_no
    assert trainer.train_dataset.bad == dict.fromkeys(("clip0", "clip3"), "does not fit into memory")
    assert capsys.readouterr().err.count("left out: clip") == 2
    for ours, fresh in zip(trainer.model.parameters(), tiny_model().parameters(), strict=True):
        assert torch.equal(ours, fresh)

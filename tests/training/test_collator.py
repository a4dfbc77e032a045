import numpy as np
import pytest
import torch
from tiny import EXTRACTOR, FAMILIES, extractor_of, tiny_model, tiny_rows

from hf_speech_tl.models import hears_padding
from hf_speech_tl.training import Clip, Clips, collator, utterance_losses


def test_a_batch_is_padded_and_says_where() -> None:
    clips = Clips(tiny_rows((0.5, 0.25), ("ab", "b")), [[2, 3], [3]])
    batch = collator(EXTRACTOR)([clips[0], clips[1]])
    assert batch["inputs"].shape == batch["attention_mask"].shape == (2, 8000)
    assert batch["attention_mask"].sum(-1).tolist() == [8000, 4000]
    assert torch.equal(batch["labels"], torch.tensor([[2, 3], [3, -100]]))
    assert batch["seconds"] == pytest.approx(0.75)


def test_batches_have_few_lengths_and_what_is_added_is_padding() -> None:
    clip = Clips(tiny_rows((0.5,), ("ab",)), [[2, 3]])[0]
    widths: list[int] = []
    for samples in range(16_000, 32_000, 500):
        heard: Clip = {**clip, "inputs": np.ones(samples, np.float32)}
        plain, few = (collator(EXTRACTOR, few_lengths=few)([heard]) for few in (False, True))
        widths.append(few["inputs"].shape[1])
        assert samples <= widths[-1] <= 1.07 * samples and few["attention_mask"].shape == few["inputs"].shape
        assert torch.equal(few["inputs"][:, :samples], plain["inputs"]) and not few["inputs"][:, samples:].any()
        assert few["attention_mask"].sum() == samples
    assert len(set(widths)) <= 18


@pytest.mark.parametrize("family", FAMILIES)
def test_the_padding_of_few_lengths_changes_no_loss(family: str) -> None:
    model = tiny_model(family).eval()
    if hears_padding(model.config):
        pytest.skip("hears its padding, and gets none of it")
    clips = Clips(tiny_rows((0.81, 0.55), ("ab", "b")), [[2, 3], [3]])
    batches = [collator(extractor_of(model), few_lengths=few)([clips[0], clips[1]]) for few in (False, True)]
    assert batches[0]["inputs"].shape != batches[1]["inputs"].shape
    plain, few = (utterance_losses(model, model.config, batch, 0) for batch in batches)
    torch.testing.assert_close(plain, few)

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import FAMILIES, encoder_of, extractor_of, save_tiny, tiny_model
from transformers import AutoModel

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models import (
    Masking,
    check_maskable,
    frame_count,
    input_name,
    load_checkpoint,
    pad,
    read_config,
    take_masks,
)


@pytest.mark.parametrize("masking", [Masking(0.5, 2), Masking(0.0, 2, 0.5, 4), None])
def test_it_masks_as_asked_whatever_the_checkpoint_was_saved_with(masking: Masking | None, tmp_path: Path) -> None:
    place = str(save_tiny(tmp_path, apply_spec_augment=False, mask_time_prob=0.2, mask_feature_prob=0.2))
    model = load_checkpoint(place, read_config(place), masking=masking).model.train()
    np.random.seed(0)
    inputs = torch.randn(1, 16_000, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        masked, plain = model(inputs).logits, model.eval()(inputs).logits
    assert torch.allclose(masked, plain) == (masking is None)


@pytest.mark.parametrize("family", FAMILIES)
def test_given_masks_are_taken_or_the_family_is_refused(family: str) -> None:
    model = tiny_model(family)
    if family in ("parakeet_ctc", "lasr_ctc"):
        with pytest.raises(
            SettingsError, match=rf"^--objective masked: M is of the family {family}.*allowed: wav2vec2, "
        ):
            check_maskable("M", model.config, "masked")
        return
    check_maskable("M", model.config, "masked")
    assert "mask_time_indices" in inspect.signature(encoder_of(model).forward).parameters


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("family", ["wav2vec2", "unispeech-sat", "wav2vec2-bert"])
def test_it_masks_what_it_is_told_to_and_nothing_else(family: str, training: bool) -> None:
    model = tiny_model(family, apply_spec_augment=False, mask_feature_prob=0.5, mask_time_prob=0.5)
    encoder = encoder_of(model).train(training)
    take_masks(encoder)
    inputs, mask = pad(extractor_of(model), [np.random.default_rng(0).normal(0, 0.1, 9_000).astype(np.float32)])
    inputs = {input_name(model.config): inputs, "attention_mask": mask}
    masked = torch.zeros(1, frame_count(model.config, 9_000), dtype=torch.bool)
    seen: list[torch.Tensor] = []
    encoder.encoder.register_forward_hook(lambda module, given, result: seen.append(given[0].detach().clone()))
    for at in (3, 4):
        encoder(**inputs, mask_time_indices=masked)
        masked[0, at] = True
    once, plain = seen[1], seen[0]
    changed = (once != plain).any(-1)[0]
    assert changed.nonzero().flatten().tolist() == [3]
    torch.testing.assert_close(once[0, 3], encoder.masked_spec_embed)


def test_the_embedding_of_masked_frames_is_made_learnt_and_saved(tmp_path: Path) -> None:
    model = tiny_model()
    encoder = encoder_of(model)
    assert not hasattr(encoder, "masked_spec_embed")
    take_masks(encoder)
    assert encoder.masked_spec_embed.requires_grad
    encoder.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path)
    torch.testing.assert_close(loaded.masked_spec_embed, encoder.masked_spec_embed)
    take_masks(loaded)
    torch.testing.assert_close(loaded.masked_spec_embed, encoder.masked_spec_embed)

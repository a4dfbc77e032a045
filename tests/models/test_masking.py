from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import save_tiny

from hf_speech_tl.models import Masking, load_checkpoint, read_config


@pytest.mark.parametrize("masking", [Masking(0.5, 2), Masking(0.0, 2, 0.5, 4), None])
def test_it_masks_as_asked_whatever_the_checkpoint_was_saved_with(masking: Masking | None, tmp_path: Path) -> None:
    place = str(save_tiny(tmp_path, apply_spec_augment=False, mask_time_prob=0.2, mask_feature_prob=0.2))
    model = load_checkpoint(place, read_config(place), masking=masking).model.train()
    np.random.seed(0)
    inputs = torch.randn(1, 16_000, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        masked, plain = model(inputs).logits, model.eval()(inputs).logits
    assert torch.allclose(masked, plain) == (masking is None)

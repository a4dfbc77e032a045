import numpy as np
import pytest
import torch
from tiny import FAMILIES, extractor_of, tiny_model

from hf_speech_tl.models import Frozen, frozen_part, logits_of, prepare_tuning
from hf_speech_tl.models.families import FAMILIES as ROWS
from hf_speech_tl.models.frontends import WAVEFORM

_WAVEFORM = [family for family in FAMILIES if ROWS[family].frontend is WAVEFORM]
_CPU = torch.device("cpu")


def _both(family: str, tuning: str, samples: int = 8_000) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of a clip, and of what the frozen part made of it."""
    plain = tiny_model(family)
    model = prepare_tuning(plain, tuning, fresh=False, rank=4).train()
    clip = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    extractor = extractor_of(plain)
    inputs = extractor([clip], sampling_rate=16_000, return_attention_mask=True, return_tensors="pt")
    heard = inputs[extractor.model_input_names[0]].float()
    before, _ = logits_of(model, plain.config, heard, inputs["attention_mask"])
    part = frozen_part(plain, _CPU)
    assert part is not None
    frozen = Frozen(plain, part, extractor, torch.float32)
    assert frozen.bytes_a_second == pytest.approx(frozen(np.tile(clip, 8)).nbytes * 2_000 / samples, rel=0.1)
    mask = torch.ones(1, frozen.mask_length(samples), dtype=torch.long)
    assert mask.sum() == inputs["attention_mask"].sum()
    after, frames = logits_of(model, plain.config, frozen(clip)[None], mask)
    assert frames.item() <= after.shape[1]
    # A clip as such is still understood.
    again, _ = logits_of(model, plain.config, heard, inputs["attention_mask"])
    torch.testing.assert_close(again, before)
    return before[:, : frames.item()], after[:, : frames.item()]


@pytest.mark.parametrize("family", _WAVEFORM)
@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_a_model_says_the_same_of_what_its_feature_encoder_made(family: str, tuning: str) -> None:
    torch.testing.assert_close(*_both(family, tuning), rtol=2e-2, atol=2e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_head_says_the_same_of_what_all_below_it_made(family: str) -> None:
    torch.testing.assert_close(*_both(family, "head"), rtol=2e-2, atol=2e-3)


def test_nothing_is_frozen_of_fresh_weights_or_of_a_log_mel_model_that_learns() -> None:
    assert frozen_part(prepare_tuning(tiny_model(), "full", fresh=True, rank=4), _CPU) is None
    assert frozen_part(prepare_tuning(tiny_model("wav2vec2-bert"), "full", fresh=False, rank=4), _CPU) is None


@pytest.mark.parametrize(
    "random", [{"mask_time_prob": 0.1, "mask_time_length": 2}, {"hidden_dropout": 0.1}, {"layerdrop": 0.1}]
)
def test_above_the_feature_encoder_nothing_is_kept_where_something_is_random(random: dict[str, float]) -> None:
    model = prepare_tuning(tiny_model(**random), "head", fresh=False, rank=4)
    assert frozen_part(model, _CPU) is model.base_model.feature_extractor


def test_the_names_of_the_weights_stay_and_others_have_another_fingerprint() -> None:
    def frozen(model, dtype=torch.float32) -> Frozen:
        part = frozen_part(prepare_tuning(model, "full", fresh=False, rank=4), _CPU)
        assert part is not None
        return Frozen(model, part, extractor_of(model), dtype)

    model, other = tiny_model(), tiny_model()
    names = list(model.state_dict())
    print_of = frozen(model).fingerprint()
    assert list(model.state_dict()) == names
    assert (
        frozen(tiny_model(symbols=9)).fingerprint() == print_of == frozen(tiny_model(hidden_dropout=0.1)).fingerprint()
    )
    with torch.no_grad():
        other.base_model.feature_extractor.conv_layers[0].conv.weight[0, 0, 0] += 1
    assert len({print_of, frozen(other).fingerprint(), frozen(model, torch.bfloat16).fingerprint()}) == 3

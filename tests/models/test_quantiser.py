"""Contrastive pretraining goes on with the quantiser that a checkpoint has, and its result is loaded by everybody."""

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import EXTRACTOR, encoder_of, save_tiny, tiny_model
from transformers import AutoModel, AutoModelForCTC

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models import (
    Checkpoint,
    Masking,
    add_quantiser,
    check_quantisable,
    frame_rate,
    load_checkpoint,
    read_config,
    take_masks,
)

OWN = dict(num_codevector_groups=2, num_codevectors_per_group=3, codevector_dim=8, proj_codevector_dim=12)
MASKING = Masking(0.65, 10)


def save_pretrained(directory: Path, family: str = "wav2vec2") -> Path:
    """What contrastive pretraining leaves behind."""
    model, told = add_quantiser(Checkpoint("tiny", tiny_model(family, **OWN), EXTRACTOR, None, fresh=True))
    assert told is None
    take_masks(model.base_model)
    model.save_pretrained(directory)
    EXTRACTOR.save_pretrained(directory)
    return directory


def load(directory: Path) -> Checkpoint:
    return load_checkpoint(str(directory), read_config(str(directory)), masking=MASKING)


@pytest.mark.parametrize("family", ["wav2vec2", "wav2vec2-conformer"])
def test_what_was_pretrained_goes_on_with_its_quantiser(family: str, tmp_path) -> None:
    saved = load_file(save_pretrained(tmp_path, family) / "model.safetensors")
    checkpoint = load(tmp_path)
    assert checkpoint.vocabulary is None and not checkpoint.fresh
    model, told = add_quantiser(checkpoint)
    assert told is None
    assert model.base_model is checkpoint.model.base_model and model.config is checkpoint.model.config
    state = model.state_dict()
    assert state.keys() == saved.keys() and any(key.endswith("masked_spec_embed") for key in state)
    assert all(torch.equal(state[key], saved[key]) for key in saved)


def test_plain_transformers_load_it_as_an_encoder_and_with_a_head(tmp_path) -> None:
    save_pretrained(tmp_path)
    _, report = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"] and not report["mismatched_keys"]
    beside = {key.split(".")[0] for key in report["unexpected_keys"]}
    assert beside == {"quantizer", "project_q", "project_hid"}
    _, report = AutoModelForCTC.from_pretrained(tmp_path, output_loading_info=True)
    assert set(report["missing_keys"]) == {"lm_head.weight", "lm_head.bias"} and not report["mismatched_keys"]


@pytest.mark.parametrize("bare", [False, True])
def test_one_without_a_quantiser_gets_a_fresh_one_and_it_is_told(bare: bool, tmp_path) -> None:
    save_tiny(tmp_path, **OWN)
    if bare:
        encoder_of(tiny_model(**OWN)).save_pretrained(tmp_path)
    checkpoint = load(tmp_path)
    before = {key: value.clone() for key, value in checkpoint.model.base_model.state_dict().items()}
    torch.manual_seed(3)
    model, told = add_quantiser(checkpoint)
    assert told is not None and str(tmp_path) in told and "fresh" in told
    assert all(torch.equal(value, before[key]) for key, value in model.base_model.state_dict().items())
    assert model.quantizer.codevectors.min() > 0 and model.quantizer.codevectors.max() < 1  # as they are initialised
    torch.manual_seed(3)
    again, _ = add_quantiser(checkpoint)
    assert torch.equal(model.quantizer.weight_proj.weight, again.quantizer.weight_proj.weight)


@pytest.mark.parametrize("damage", ["missing", "shape", "nan"])
def test_half_a_quantiser_is_refused(damage: str, tmp_path) -> None:
    path = save_pretrained(tmp_path) / "model.safetensors"
    weights = load_file(path)
    if damage == "missing":
        del weights["quantizer.codevectors"]
    elif damage == "shape":
        weights["project_q.weight"] = torch.zeros(12, 4)
    else:
        weights["project_q.bias"][0] = torch.nan
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(SettingsError, match="quantiser"):
        add_quantiser(load(tmp_path))


def test_families_and_shapes_that_cannot_are_named() -> None:
    check_quantisable("it", tiny_model(**OWN).config)
    with pytest.raises(SettingsError, match=r"unispeech.*no contrastive loss.*wav2vec2, wav2vec2-conformer"):
        check_quantisable("it", tiny_model("unispeech").config)
    with pytest.raises(SettingsError, match="codevector_dim 9"):
        check_quantisable("it", tiny_model(**OWN | {"codevector_dim": 9}).config)
    for name in ("num_negatives", "num_codevectors_per_group", "proj_codevector_dim"):
        with pytest.raises(SettingsError, match=f"{name} 0; allowed: 1 and more"):
            check_quantisable("it", tiny_model(**OWN | {name: 0}).config)


def test_the_shape_that_the_page_gives_is_one_for_it(tmp_path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "pretraining.md").read_text("utf-8")
    (shape,) = re.findall(r"^```json\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "config.json").write_text(shape)
    name = str(tmp_path / "config.json")
    config = read_config(name)
    check_quantisable(name, config)
    model, _ = add_quantiser(load_checkpoint(name, config, from_scratch=True, masking=MASKING))
    assert model.num_parameters() == pytest.approx(6e6, rel=0.1) and frame_rate(config) == 50

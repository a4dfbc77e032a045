import pytest
import torch
from tiny import FAMILIES, save_tiny, tiny_model
from transformers import AutoModelForCTC

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models import check_depth, keep_lowest, load_checkpoint, prepare_tuning, read_config
from hf_speech_tl.models.depth import layers_of


@pytest.mark.parametrize("family", FAMILIES)
def test_the_lowest_layers_are_kept_and_load_with_plain_transformers(family: str, tmp_path) -> None:
    whole = tiny_model(family)
    name = str(save_tiny(tmp_path / "whole", family))
    config = read_config(name)
    keep_lowest(config, 1)
    kept = load_checkpoint(name, config).model
    ours, theirs = layers_of(kept), layers_of(whole)
    assert len(ours) == 1 and len(theirs) == 2
    for key, weight in ours[0].state_dict().items():
        assert torch.equal(weight, theirs[0].state_dict()[key])
    kept.save_pretrained(tmp_path / "kept")
    assert len(layers_of(AutoModelForCTC.from_pretrained(tmp_path / "kept"))) == 1
    fresh = load_checkpoint(name, config, from_scratch=True).model
    assert len(layers_of(fresh)) == 1


@pytest.mark.parametrize("tuning", ["full", "lora"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_lowest_layers_are_frozen_with_what_lies_below(family: str, tuning: str) -> None:
    model = prepare_tuning(tiny_model(family), tuning, fresh=False, rank=2, freeze_layers=1)
    low, high = layers_of(model)
    assert not any(weight.requires_grad for weight in low.parameters())
    assert any(weight.requires_grad for weight in high.parameters())
    if tuning == "full":
        assert all(weight.requires_grad for weight in high.parameters())
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert not [name for name in trained if "feature" in name or "subsampl" in name or "pos_conv" in name]
    assert [name for name in trained if "head" in name]


@pytest.mark.parametrize(("layers", "words"), [((3, 0), "--keep-layers 3: m has 2"), ((None, 3), "m has 2 layers")])
def test_more_layers_than_there_are(layers: tuple[int | None, int], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        check_depth("m", tiny_model().config, keep_layers=layers[0], freeze_layers=layers[1])


def test_no_more_are_frozen_than_are_kept() -> None:
    check_depth("m", tiny_model().config, keep_layers=1, freeze_layers=1)
    with pytest.raises(SettingsError, match="--freeze-layers 2: of m 1 layers are kept; allowed: 0 to 1"):
        check_depth("m", tiny_model().config, keep_layers=1, freeze_layers=2)


def test_of_all_layers_frozen_none_is_left_for_adapters() -> None:
    check_depth("m", tiny_model().config, keep_layers=None, freeze_layers=2)
    check_depth("m", tiny_model().config, keep_layers=None, freeze_layers=1, tuning="lora")
    with pytest.raises(SettingsError, match=r"--freeze-layers 2 --tuning lora: of m no layer .* allowed: 0 to 1;"):
        check_depth("m", tiny_model().config, keep_layers=None, freeze_layers=2, tuning="lora")

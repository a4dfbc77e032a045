import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tiny import EXTRACTOR, tiny_model

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models import Vocabulary, check_adapter, load_checkpoint, read_config, replace_head

_SYMBOLS = {"eng": ["<pad>", "a", "b"], "swh": ["<pad>", "|", "a", "e", "ŋ"], "cmn-script_simplified": ["<pad>", "你"]}


@pytest.fixture
def many_languages(tmp_path) -> Path:
    """A model laid out as facebook/mms-1b-all is: English in the weights, a file for each other language."""
    model = tiny_model(symbols=3, adapter_attn_dim=4, do_stable_layer_norm=True)
    model.save_pretrained(tmp_path)
    EXTRACTOR.save_pretrained(tmp_path)
    ids = {lang: {symbol: at for at, symbol in enumerate(symbols)} for lang, symbols in _SYMBOLS.items()}
    (tmp_path / "vocab.json").write_text(json.dumps(ids), "utf-8")
    torch.manual_seed(1)
    layers = {name: torch.randn_like(weight) for name, weight in model._get_adapters().items()}
    layers |= {"lm_head.weight": torch.randn(5, 16), "lm_head.bias": torch.randn(5)}
    save_file(layers, tmp_path / "adapter.swh.safetensors")
    return tmp_path


def test_the_adapter_of_a_language_is_loaded_and_stays(many_languages: Path, tmp_path) -> None:
    name = str(many_languages)
    found = load_checkpoint(name, read_config(name), target_lang="swh")
    assert found.vocabulary == Vocabulary(("<pad>", "|", "a", "e", "ŋ"))
    plain = load_checkpoint(name, read_config(name))
    assert plain.vocabulary is None
    wave = torch.randn(1, 8000)
    assert found.model.eval()(wave).logits.shape[-1] == 5
    layer = "wav2vec2.encoder.layers.0.adapter_layer.linear_1.weight"
    assert not torch.equal(found.model.state_dict()[layer], plain.model.state_dict()[layer])
    carried = replace_head(found, Vocabulary.of(["ae ŋ x"]))
    assert carried == ["[PAD]", "|", "a", "e", "ŋ"]
    found.model.save_pretrained(tmp_path / "saved")
    again = load_checkpoint(str(tmp_path / "saved"), read_config(str(tmp_path / "saved")))
    torch.testing.assert_close(again.model.eval()(wave).logits, found.model(wave).logits)


def test_a_language_that_is_not_there_is_refused_with_those_near_it(many_languages: Path) -> None:
    name = str(many_languages)
    for asked, said in ((None, "is missing: .* 3 languages"), ("cmn", "near: cmn-script_simplified;"), ("swa", "swh")):
        with pytest.raises(SettingsError, match=said) as caught:
            check_adapter(name, asked)
        assert "--target-lang" in str(caught.value) and "\n" not in str(caught.value)
    check_adapter(name, "swh")


def test_a_model_of_one_language_takes_none(tmp_path) -> None:
    tiny_model().save_pretrained(tmp_path)
    check_adapter(str(tmp_path), None)
    with pytest.raises(SettingsError, match="has no adapters of languages"):
        check_adapter(str(tmp_path), "swh")


def test_a_damaged_adapter_is_one_line(many_languages: Path) -> None:
    path = many_languages / "adapter.swh.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SettingsError, match="cannot be loaded") as caught:
        load_checkpoint(str(many_languages), read_config(str(many_languages)), target_lang="swh")
    assert "\n" not in str(caught.value)

from pathlib import Path

import pytest
import torch
from tiny import save_many_languages, tiny_model

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models import Vocabulary, check_adapter, inherit, load_checkpoint, read_config, replace_head


@pytest.fixture
def many_languages(tmp_path) -> Path:
    return save_many_languages(tmp_path)


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
    vocabulary = Vocabulary.of(["ae ŋ"])
    replace_head(found, vocabulary, inherit(vocabulary, found.vocabulary))
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


@pytest.mark.parametrize("damage", ["{", "[" * 100_000])
def test_a_damaged_vocabulary_is_one_line(damage: str, many_languages: Path) -> None:
    (many_languages / "vocab.json").write_text(damage)
    with pytest.raises(SettingsError, match=r"its vocab\.json cannot be read") as caught:
        check_adapter(str(many_languages), "swh")
    assert "\n" not in str(caught.value)


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

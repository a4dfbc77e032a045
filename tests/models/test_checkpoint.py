import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import FAMILIES, VOCABULARY, encoder_of, extractor_of, save_tiny, tiny_model
from transformers import AutoConfig, ParakeetForRNNT, ParakeetForTDT

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models import (
    Masking,
    can_mask,
    frame_count,
    head_of,
    hears_padding,
    load_checkpoint,
    logits_of,
    read_config,
)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_saved_model_comes_back_with_its_symbols(family: str, tmp_path) -> None:
    directory = str(save_tiny(tmp_path, family))
    found = load_checkpoint(directory, read_config(directory))
    assert found.vocabulary == VOCABULARY
    assert torch.equal(head_of(found.model).weight, head_of(tiny_model(family)).weight)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_bare_encoder_has_no_symbols(family: str, tmp_path) -> None:
    encoder = encoder_of(tiny_model(family))
    encoder.save_pretrained(tmp_path)
    found = load_checkpoint(str(tmp_path), read_config(str(tmp_path)))
    assert found.vocabulary is None and not found.fresh and found.model.config.model_type == family
    for name, weight in encoder_of(found.model).state_dict().items():
        assert torch.equal(weight, encoder.state_dict()[name]), name


def test_an_encoder_that_says_nothing_of_symbols_gets_a_head(tmp_path) -> None:
    """As facebook/w2v-bert-2.0 was saved."""
    encoder = encoder_of(tiny_model("wav2vec2-bert"))
    encoder.config.vocab_size = None
    encoder.save_pretrained(tmp_path)
    found = load_checkpoint(str(tmp_path), read_config(str(tmp_path)))
    assert found.vocabulary is None and not found.fresh


def test_where_an_encoder_lay_is_not_in_what_is_saved_of_it(tmp_path) -> None:
    tiny_model("parakeet_ctc").encoder.save_pretrained(tmp_path / "secret")
    found = load_checkpoint(str(tmp_path / "secret"), read_config(str(tmp_path / "secret")))
    found.model.save_pretrained(tmp_path / "saved")
    assert "secret" not in (tmp_path / "saved" / "config.json").read_text("utf-8")


@pytest.mark.parametrize("kind", ["parakeet_tdt", "parakeet_rnnt"])
def test_the_encoder_of_a_transducer_is_taken_without_its_decoder(kind: str, tmp_path) -> None:
    encoder = tiny_model("parakeet_ctc").config.encoder_config.to_dict()
    config = AutoConfig.for_model(kind, encoder_config=encoder, vocab_size=5, decoder_hidden_size=8, blank_token_id=4)
    transducer = (ParakeetForTDT if kind == "parakeet_tdt" else ParakeetForRNNT)(config)
    transducer.save_pretrained(tmp_path)
    found = load_checkpoint(str(tmp_path), read_config(str(tmp_path)))
    assert found.vocabulary is None and found.model.config.model_type == "parakeet_ctc"
    for name, weight in transducer.encoder.state_dict().items():
        assert torch.equal(weight, found.model.encoder.state_dict()[name]), name


def test_half_precision_and_bin_files_load_as_float32(tmp_path) -> None:
    model = tiny_model().half()
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    found = load_checkpoint(str(tmp_path), read_config(str(tmp_path)))
    assert {parameter.dtype for parameter in found.model.parameters()} == {torch.float32}


def test_an_encoder_weight_that_would_be_random_stops(tmp_path) -> None:
    save_tiny(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["wav2vec2.encoder.layers.1.attention.q_proj.weight"]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(SettingsError, match=r"1 weights of the encoder .*q_proj"):
        load_checkpoint(str(tmp_path), read_config(str(tmp_path)))


@pytest.mark.parametrize("family", [family for family in FAMILIES if can_mask(tiny_model(family).config)])
def test_what_stands_for_masked_frames_is_drawn_where_a_model_was_saved_without(family: str, tmp_path) -> None:
    directory = str(save_tiny(tmp_path, family))
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        found = load_checkpoint(directory, read_config(directory), masking=Masking(0.5, 2))
        drawn.append(found.model.base_model.masked_spec_embed.detach())
    saved = any("masked_spec_embed" in key for key in load_file(f"{directory}/model.safetensors"))  # UniSpeech-SAT does
    assert torch.equal(drawn[0], drawn[1]) and torch.equal(drawn[0], drawn[2]) == saved
    assert drawn[0].min() >= 0 and drawn[0].max() <= 1


def test_masking_can_be_switched_on_for_a_model_saved_without(tmp_path) -> None:
    directory = str(save_tiny(tmp_path))
    found = load_checkpoint(directory, read_config(directory), masking=Masking(0.5, 2))
    found.model.train()
    found.model(torch.randn(1, 8000), attention_mask=torch.ones(1, 8000, dtype=torch.long))


def test_other_families_are_refused_by_name(tmp_path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "whisper"}))
    with pytest.raises(SettingsError, match="'whisper'; supported are wav2vec2, hubert, wavlm"):
        read_config(str(tmp_path))


def test_an_id_that_cannot_be_had_offline_is_one_line() -> None:
    with pytest.raises(SettingsError) as caught:
        read_config("nobody/nothing")
    assert "\n" not in str(caught.value) and "starter" in str(caught.value)


def test_a_directory_of_a_transfer_names_its_last_stage(tmp_path) -> None:
    for stage in ("1-source", "2-target"):
        save_tiny(tmp_path / stage)
        (tmp_path / stage / "results.json").touch()
    with pytest.raises(SettingsError, match=r"no config\.json in it: it holds a transfer: .* stage, .*2-target\.$"):
        read_config(str(tmp_path))
    read_config(str(tmp_path / "2-target"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match=r"give the directory of a saved model\.$"):
        read_config(str(tmp_path / "empty"))


def test_long_first_convolutions_begin_as_a_filterbank(tmp_path) -> None:
    shape = dict(conv_dim=(80, 128, 16), conv_kernel=(200, 16, 8), conv_stride=(20, 8, 4))
    name = str(save_tiny(tmp_path, **shape))
    model = load_checkpoint(name, read_config(name), from_scratch=True).model
    filters = model.base_model.feature_extractor.conv_layers[0].conv.weight[:40, 0]
    peaks = torch.fft.rfft(filters, 1600).abs().argmax(-1) * 10  # Hz
    assert (peaks[1:] >= peaks[:-1]).all() and peaks[0] < 200 and peaks[-1] > 6000


@pytest.mark.parametrize("family", FAMILIES)
def test_frames_of_a_clip(family: str) -> None:
    model = tiny_model(family).eval()
    extractor = extractor_of(model)
    for seconds in (0.1, 0.2, 1.0, 3.33):
        clips = [np.random.default_rng(0).normal(0, 0.1, round(part * 16_000)) for part in (seconds, 4.0)]
        inputs = extractor(clips, sampling_rate=16_000, padding=True, return_tensors="pt", return_attention_mask=True)
        logits, frames = logits_of(
            model, model.config, inputs[extractor.model_input_names[0]], inputs["attention_mask"]
        )
        assert frames.tolist() == [frame_count(model.config, len(clip)) for clip in clips]
        assert logits.shape[1] == frames.max()


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_clip_is_batched_with_changes_nothing_or_is_known(family: str) -> None:
    model = tiny_model(family).eval()
    with torch.no_grad():
        head_of(model).weight *= 10
        clips = [np.random.default_rng(0).normal(0, 0.1, samples) for samples in (12_800, 13_000, 32_000)]
        together, frames = _logits(model, clips)
        apart = max(
            (_logits(model, [clip])[0][0, :count] - rows[:count]).abs().max().item()
            for clip, rows, count in zip(clips, together, frames.tolist(), strict=True)
        )
    assert (apart > 1e-4) == hears_padding(model.config), apart


def _logits(model, clips):  # type: ignore[no-untyped-def]
    extractor = extractor_of(model)
    inputs = extractor(clips, sampling_rate=16_000, padding=True, return_tensors="pt", return_attention_mask=True)
    heard, mask = inputs[extractor.model_input_names[0]].float(), inputs["attention_mask"].long()
    return logits_of(model, model.config, heard, mask)


def _changed(directory, name: str, change) -> str:
    path = save_tiny(directory) / name
    content = json.loads(path.read_text())
    path.write_text(json.dumps(change(content)))
    return str(directory)


def _nan(directory) -> str:
    weights = load_file(save_tiny(directory) / "model.safetensors")
    weights["lm_head.weight"][0, 0] = torch.nan
    save_file(weights, directory / "model.safetensors", {"format": "pt"})
    return str(directory)


def _nan_statistics(directory) -> str:
    weights = load_file(save_tiny(directory, "parakeet_ctc") / "model.safetensors")
    weights["encoder.layers.0.conv.norm.running_mean"][0] = torch.nan
    save_file(weights, directory / "model.safetensors", {"format": "pt"})
    return str(directory)


def _encoder(directory, **changes) -> str:
    path = save_tiny(directory, "parakeet_ctc") / "config.json"
    config = json.loads(path.read_text())
    config["encoder_config"] = config["encoder_config"] | changes if changes else None
    path.write_text(json.dumps(config))
    return str(directory)


def _slow_ears(directory) -> str:
    path = save_tiny(directory) / "processor_config.json"
    path.write_text(path.read_text().replace("16000", "8000"))
    return str(directory)


def _cut_short(directory) -> str:
    path = save_tiny(directory) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    return str(directory)


_BAD = {
    "not finite": _nan,
    "not finite numbers": _nan_statistics,
    "no encoder_config": _encoder,
    "kernels or strides that cannot be": lambda directory: _encoder(directory, subsampling_factor=0),
    "hears 8,000 samples a second": _slow_ears,
    "weights cannot be loaded": _cut_short,
    "vocab.json does not fit": lambda directory: _changed(directory, "vocab.json", lambda ids: ids | {"z": 99}),
    "blank None": lambda directory: _changed(directory, "config.json", lambda config: config | {"pad_token_id": None}),
    "config.json cannot be used": lambda directory: _changed(
        directory, "config.json", lambda config: config | {"hidden_size": "abc"}
    ),
    "adapter layers": lambda directory: _changed(
        directory, "config.json", lambda config: config | {"add_adapter": True}
    ),
}


@pytest.mark.parametrize("said", _BAD)
def test_a_damaged_model_is_refused_in_one_line(said: str, tmp_path) -> None:
    directory = _BAD[said](tmp_path)
    with pytest.raises(SettingsError, match=said) as caught:
        load_checkpoint(directory, read_config(directory))
    assert "\n" not in str(caught.value)


def test_code_that_comes_with_a_model_is_not_run(tmp_path) -> None:
    (tmp_path / "conf.py").write_text("raise SystemExit('run')")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "foo", "auto_map": {"AutoConfig": "conf.C"}}))
    with pytest.raises(SettingsError):
        read_config(str(tmp_path))


def test_a_misspelt_directory_is_not_looked_for_elsewhere(tmp_path) -> None:
    with pytest.raises(SettingsError, match="no such directory"):
        read_config(str(tmp_path / "misspelt"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (dict(num_attention_heads=3), "no model can be made of the shape in its config.json (ValueError: embed_dim"),
        (dict(hidden_act="none such"), "no model can be made of the shape in its config.json (KeyError: 'none such')"),
        (dict(num_hidden_layers=0), "its config.json has no layer of a transformer"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(changes: dict[str, object], said: str, tmp_path) -> None:
    config = tiny_model().config.to_dict() | changes
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    with pytest.raises(SettingsError) as caught:
        load_checkpoint(str(path), read_config(str(path)), from_scratch=True)
    assert str(caught.value).startswith(f"--model {path}: {said}") and "\n" not in str(caught.value)


def test_a_file_that_is_no_configuration_is_not_looked_for_on_the_hub(tmp_path) -> None:
    path = tmp_path / "shape.json"
    path.write_text("no JSON")
    with pytest.raises(SettingsError, match=r"is a file that cannot be used as a config\.json"):
        read_config(str(path))


def test_a_configuration_alone_has_no_weights_to_go_on_with(tmp_path) -> None:
    tiny_model().config.save_pretrained(tmp_path)
    path = str(tmp_path / "config.json")
    with pytest.raises(SettingsError, match="is a configuration without weights"):
        load_checkpoint(path, read_config(path))

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import FAMILIES, encoder_of, save_tiny, tiny_model

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models import (
    LayerStates,
    choose_layer,
    frame_count,
    layer_states,
    load_checkpoint,
    load_layer,
    read_config,
)
from hf_speech_tl.models.layer_states import split_layer
from hf_speech_tl.models.padding import pad

CLIP = np.random.default_rng(0).normal(0, 0.1, 9_000).astype(np.float32)
CPU = torch.device("cpu")
TARGETS = "--targets-from"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("runs/pl", ("runs/pl", None)),
        ("runs/pl:6", ("runs/pl", 6)),
        ("owner/name:12", ("owner/name", 12)),
        (r"C:\runs\pl", (r"C:\runs\pl", None)),
        ("runs:1/pl", ("runs:1/pl", None)),
        (":6", (":6", None)),
    ],
)
def test_a_layer_stands_behind_the_last_colon(text: str, meant: tuple[str, int | None]) -> None:
    assert split_layer(text) == meant


@pytest.mark.parametrize(("layers", "middle"), [(1, 1), (2, 1), (5, 3), (12, 6), (24, 12)])
def test_the_middle_layer_unless_one_is_named(layers: int, middle: int, tmp_path: Path) -> None:
    tiny_model(num_hidden_layers=1).config.save_pretrained(tmp_path)
    config = tmp_path / "config.json"
    config.write_text(config.read_text("utf-8").replace('"num_hidden_layers": 1', f'"num_hidden_layers": {layers}'))
    assert choose_layer(str(tmp_path), TARGETS)[2] == middle
    assert choose_layer(f"{tmp_path}:{layers}", TARGETS)[2] == layers
    for beyond in (0, layers + 1):
        with pytest.raises(SettingsError, match=rf"^--targets-from .*:{beyond}: .* has {layers} layers; allowed: "):
            choose_layer(f"{tmp_path}:{beyond}", TARGETS)


def test_a_model_that_is_not_there_is_told_by_the_option_that_named_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^--targets-from .*no such directory"):
        load_layer(f"{tmp_path}/nowhere:2", TARGETS, CPU, torch.float32)


def test_random_layers_are_no_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = str(save_tiny(tmp_path))
    fresh = replace(load_checkpoint(place, read_config(place)), fresh=True)
    monkeypatch.setattr(layer_states, "load_checkpoint", lambda *arguments: fresh)
    with pytest.raises(SettingsError, match=r"^--targets-from .*:1: its weights are random"):
        load_layer(f"{place}:1", TARGETS, CPU, torch.float32)


@pytest.mark.parametrize("stable", [False, True])
def test_states_are_those_of_the_whole_model(stable: bool, tmp_path: Path) -> None:
    place = str(save_tiny(tmp_path, do_stable_layer_norm=stable, num_hidden_layers=3))
    checkpoint = load_checkpoint(place, read_config(place))
    inputs, mask = pad(checkpoint.feature_extractor, [CLIP])
    encoder = encoder_of(checkpoint.model.eval())
    expected = encoder(inputs, attention_mask=mask, output_hidden_states=True).hidden_states
    for layer in (1, 2):
        states = load_layer(f"{place}:{layer}", TARGETS, CPU, torch.float32)(CLIP)
        assert states.dtype == np.float32
        np.testing.assert_allclose(states, expected[layer][0].detach(), atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_layers_to_listen_to(family: str, tmp_path: Path) -> None:
    place = str(save_tiny(tmp_path, family))
    states = load_layer(place, TARGETS, CPU, torch.float32)(CLIP)
    frames = frame_count(read_config(place), len(CLIP))
    assert states.shape == (frames, 16)
    assert np.isfinite(states).all() and states.std() > 0


def test_the_fingerprint_tells_weights_and_layers_apart(tmp_path: Path) -> None:
    def fingerprint(text: str) -> str:
        return load_layer(text, TARGETS, CPU, torch.float32).fingerprint()

    # This family always has an embedding for masked frames, random where the file lacks it.
    place = save_tiny(tmp_path / "one", "unispeech-sat")
    model = tiny_model("unispeech-sat")
    with torch.no_grad():
        next(encoder_of(model).encoder.layers.parameters()).add_(0.1)
    other = save_tiny(tmp_path / "other", "unispeech-sat")
    model.save_pretrained(other)
    texts = [f"{place}:1", f"{place}:2", f"{other}:1"]
    found = [fingerprint(text) for text in texts]
    assert len(set(found)) == 3 and found == [fingerprint(text) for text in texts]
    checkpoint = load_checkpoint(str(place), read_config(str(place)))
    assert LayerStates(checkpoint, 1, CPU, torch.bfloat16).fingerprint() not in found

"""What the starter takes over from Whisper."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import save_whisper, tiny_rows
from transformers import Wav2Vec2BertModel
from transformers.models.whisper.modeling_whisper import WhisperEncoder

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def inherited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[WhisperEncoder, Wav2Vec2BertModel]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import starter_inherit

    monkeypatch.setattr(starter_inherit, "_STEPS", 20)
    name = save_whisper(tmp_path / "whisper", layers=4)
    (tmp_path / "it").mkdir()
    rows = tiny_rows((1.0,) * 8, ("ab",) * 8).remove_columns(["transcript", "source", "lang"])
    rows.to_parquet(str(tmp_path / "it" / "train.parquet"))
    starter_inherit.inherit(name, [f"it={tmp_path / 'it'}"], tmp_path / "encoder", seed=0)
    return WhisperEncoder.from_pretrained(name), Wav2Vec2BertModel.from_pretrained(tmp_path / "encoder")


def test_its_attention_is_whispers(inherited: tuple[WhisperEncoder, Wav2Vec2BertModel]) -> None:
    whisper, encoder = inherited
    assert len(encoder.encoder.layers) == 3
    for old, new in zip(whisper.layers, encoder.encoder.layers, strict=False):
        for name in ("q", "k", "v", "out"):
            mine, theirs = (getattr(new.self_attn, f"linear_{name}"), getattr(old.self_attn, f"{name}_proj"))
            assert torch.equal(mine.weight, theirs.weight)
        assert new.self_attn.distance_embedding.weight.std() > 0


def test_the_halves_of_a_feed_forward_add_what_the_whole_did(
    inherited: tuple[WhisperEncoder, Wav2Vec2BertModel],
) -> None:
    whisper, encoder = inherited
    old, new, above = whisper.layers[0], encoder.encoder.layers[0], encoder.encoder.layers[1]
    states = torch.randn(5, 16)
    with torch.no_grad():
        whole = old.fc2(torch.nn.functional.gelu(old.fc1(old.final_layer_norm(states))))
        halves = 0.5 * new.ffn2(new.ffn2_layer_norm(states)) + 0.5 * above.ffn1(above.ffn1_layer_norm(states))
    # 30 of 32 values are kept.
    assert (whole - halves).norm() < 0.3 * whole.norm()
    kept = torch.cat([new.ffn2.intermediate_dense.weight, above.ffn1.intermediate_dense.weight])
    assert len({tuple(row.tolist()) for row in kept} & {tuple(row.tolist()) for row in old.fc1.weight}) == 30


def test_its_convolutions_begin_as_nothing(inherited: tuple[WhisperEncoder, Wav2Vec2BertModel]) -> None:
    _, encoder = inherited
    states = torch.randn(1, 7, 16)
    assert not encoder.encoder.layers[1].conv_module(states).any()

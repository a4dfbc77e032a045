"""What the starter takes over from Whisper."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import save_whisper, tiny_rows
from transformers import Wav2Vec2BertModel, WhisperForConditionalGeneration
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from hf_speech_tl.errors import DataError

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture(params=[WhisperEncoder, WhisperForConditionalGeneration])
def inherited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> tuple[WhisperEncoder, Wav2Vec2BertModel]:
    """The teacher's encoder, which was saved alone or with its decoder as on the Hub, and what inherits from it."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import starter_inherit

    monkeypatch.setattr(starter_inherit, "_STEPS", 20)
    name = save_whisper(tmp_path / "whisper", request.param, layers=4)
    (tmp_path / "it").mkdir()
    rows = tiny_rows((1.0,) * 8, ("ab",) * 8).remove_columns(["transcript", "source", "lang"])
    rows.to_parquet(str(tmp_path / "it" / "train.parquet"))
    starter_inherit.inherit(name, [f"it={tmp_path / 'it'}"], tmp_path / "encoder", seed=0)
    whole = request.param.from_pretrained(name)
    whisper = whole if request.param is WhisperEncoder else whole.model.encoder
    return whisper, Wav2Vec2BertModel.from_pretrained(tmp_path / "encoder")


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


def test_recordings_that_are_all_too_long_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import starter_heard

    (tmp_path / "it").mkdir()
    rows = tiny_rows((13.0, 14.0), ("ab", "ba")).remove_columns(["transcript", "source", "lang"])
    rows.to_parquet(str(tmp_path / "it" / "train.parquet"))
    with pytest.raises(DataError, match=r"no training recording of 0\.5 to 12 s can be read"):
        starter_heard.draw_clips([f"it={tmp_path / 'it'}"], seed=0)

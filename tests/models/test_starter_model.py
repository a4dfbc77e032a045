"""The weights that come with the package: what anybody may load, how large they are, how long they take."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForCTC, AutoProcessor

from hf_speech_tl.models import (
    base_of,
    frame_rate,
    is_of_starter,
    load_checkpoint,
    load_teacher,
    place_of,
    read_config,
)

DIRECTORY = Path(place_of("starter"))


def test_plain_transformers_load_it_in_single_precision() -> None:
    encoder, report = AutoModel.from_pretrained(DIRECTORY, output_loading_info=True)
    assert encoder.dtype == torch.float32 and not report["missing_keys"]
    model, report = AutoModelForCTC.from_pretrained(DIRECTORY, output_loading_info=True)
    assert model.dtype == torch.float32 and not report["missing_keys"]
    processor = AutoProcessor.from_pretrained(DIRECTORY)
    inputs = processor(np.zeros(16_000, np.float32), sampling_rate=16_000, return_tensors="pt")
    with torch.inference_mode():
        logits = model.eval()(**inputs).logits
    assert logits.shape[2] == len(processor.tokenizer) and logits.isfinite().all()


def test_it_is_small_on_the_disk_and_in_memory() -> None:
    weights = load_file(DIRECTORY / "model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.float16}
    assert sum(weight.numel() for weight in weights.values()) <= 12_000_000
    assert sum(path.stat().st_size for path in DIRECTORY.iterdir()) <= 24_000_000
    assert 24 < frame_rate(read_config("starter")) < 26


def test_it_is_loaded_within_a_second() -> None:
    load_checkpoint("starter", read_config("starter"))  # what else is imported by the first
    begin = time.process_time()
    checkpoint = load_checkpoint("starter", read_config("starter"))
    assert time.process_time() - begin < 1
    assert not checkpoint.fresh
    assert checkpoint.vocabulary is not None and set("abcdefghijklmnopqrstuvwxyz|") <= {*checkpoint.vocabulary.symbols}


def test_its_weights_are_drawn_anew_for_a_comparison() -> None:
    kept, other = (load_checkpoint("starter", read_config("starter"), from_scratch=fresh) for fresh in (False, True))
    assert other.fresh and other.vocabulary is None
    shapes = [{name: weight.shape for name, weight in found.model.state_dict().items()} for found in (kept, other)]
    assert shapes[0] == shapes[1]
    name = "wav2vec2_bert.encoder.layers.0.self_attn.linear_q.weight"
    assert not torch.allclose(kept.model.state_dict()[name], other.model.state_dict()[name])


def test_it_can_teach() -> None:
    teacher = load_teacher("starter", None, read_config("starter"), torch.device("cpu"), torch.float32)
    assert teacher.layers == (2, 3)


def test_a_folder_of_that_name_is_not_meant(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "starter").mkdir()
    assert place_of("starter") == str(DIRECTORY.resolve()) and place_of("./starter") == "./starter"
    assert base_of("starter", fresh=False) == "starter"
    assert base_of("./starter", fresh=False) is None and base_of("starter", fresh=True) is None
    assert base_of("facebook/wav2vec2-base", fresh=False) == "facebook/wav2vec2-base"


def test_what_is_made_of_it_is_known_by_its_results(tmp_path) -> None:
    assert is_of_starter("starter", fresh=False) and not is_of_starter("starter", fresh=True)
    assert not is_of_starter(str(tmp_path), fresh=False)
    for written, expected in (({"model": {"starter": True}}, True), ({"model": {}}, False), ([], False)):
        (tmp_path / "results.json").write_text(json.dumps(written))
        assert is_of_starter(str(tmp_path), fresh=False) is expected
    (tmp_path / "results.json").write_text("{")
    assert not is_of_starter(str(tmp_path), fresh=False)


def test_it_tells_how_it_was_made_and_not_where() -> None:
    text = (DIRECTORY / "results.json").read_text("utf-8")
    results = json.loads(text)
    assert is_of_starter(str(DIRECTORY), fresh=False), "by its path it is the starter too"
    assert results["lang"] == "mul" and results["language"]["units"] == "romanized"
    assert {stage["command"].split()[1] for stage in results["stages"]} == {"pretrain"}
    assert not re.search(r"(?<![\w.])/\w", text), "a path of the machine that trained it"
    assert "name_or_path" not in (DIRECTORY / "config.json").read_text("utf-8")

"""Training and judging on several languages at once."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from tiny import tiny_rows

from hf_speech_tl.settings import EvaluateSettings, Source
from hf_speech_tl.stages import evaluation
from hf_speech_tl.stages.finetune import run
from hf_speech_tl.stages.reading import all_spaced

_CHINESE = ("一二", "三", "二一三", "三三", "一", "二三", "一一", "三二一")


@pytest.fixture(scope="module")
def chinese(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chinese")
    for seed, split in enumerate(("train", "validation", "test")):
        rows = tiny_rows((0.7,) * 8, _CHINESE, 10 + seed).remove_columns(["transcript", "source", "lang"])
        rows = rows.map(lambda row, split=split: {"id": f"zh-{split}-{row['id']}"})
        rows.to_parquet(str(folder / f"{split}.parquet"))
    return folder


def test_a_model_of_several_languages_says_what_it_is_worth_in_each(
    settings, corpus, chinese, tmp_path, capsys
) -> None:
    data = (Source(str(corpus), lang="it"), Source(str(chinese), lang="zh-CN"))
    results = run(settings(lang="mul", data=data, temperature=2, quiet=False))
    plan = " ".join(capsys.readouterr().err.split())
    assert re.search(r"Italian \(it\): [1-9]\d* s training, 53% of an epoch", plan) and "(--temperature 2)" in plan
    assert "the symbols of Hans and Latn side by side" in plan
    after = results["after"]
    assert results["language"]["tag"] == "mul" and results["language"]["metric"] == "cer"
    assert after["wer"] is None and after["utterances"] == 16
    assert after["languages"]["zh-CN"]["wer"] is None and after["languages"]["it"]["wer"]["value"] > 0
    assert after["mean_cer"]["low"] <= after["mean_cer"]["value"] <= after["mean_cer"]["high"]
    assert results["data"]["languages"]["it"]["name"] == "Italian"
    assert sum(one["share"] for one in results["data"]["languages"].values()) == pytest.approx(1, abs=1e-3)
    assert results["training"]["temperature"] == 2
    symbols = json.loads((tmp_path / "run" / "vocab.json").read_text("utf-8"))
    assert {"a", "|", "三"} <= symbols.keys()
    card = ModelCard.load(tmp_path / "run" / "README.md")
    assert card.data.language == ["it", "zh"] and card.data["language_bcp47"] == ["zh-CN"]
    assert "# Italian and Chinese (China) speech recognition" in card.text and "| mean of the languages |" in card.text

    both = evaluation.run(EvaluateSettings(model=str(tmp_path / "run"), data=data))
    assert both["after"] == after
    one = evaluation.run(EvaluateSettings(model=str(tmp_path / "run"), data=(str(corpus),), lang="it"))
    assert one["after"]["cer"] == after["languages"]["it"]["cer"] and "languages" not in one["after"]


def test_words_are_counted_only_where_every_language_spaces_them() -> None:
    assert all_spaced(["it", "zh"], "romanized") and all_spaced(["it", "pl"], "char")
    assert not all_spaced(["it", "zh"], "char")
    assert not all_spaced(["it", "th"], "romanized") and not all_spaced(["ja"], "romanized")

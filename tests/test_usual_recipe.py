"""The recipe that ours is compared with: it trains, tells of it, and scores."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny import save_tiny, tiny_rows

RECIPE = Path(__file__).parents[1] / "scripts" / "recipe.py"
LENGTHS = (0.5, 1.0, 0.7, 1.5, 0.6, 1.2)
Events = list[dict[str, float | str]]
Recipe = Callable[..., Events]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for split, lengths in (("train", LENGTHS), ("test", (0.5, 1.0, 0.7))):
        rows = tiny_rows(lengths, ("a b", "b", "c a", "d", "ab", "c")[: len(lengths)])
        rows.select_columns(["id", "audio", "text"]).to_parquet(str(tmp_path / f"{split}.parquet"))
    return tmp_path


@pytest.fixture
def recipe(data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Recipe:
    """What the script tells, of a tiny model in `data`/family; texts are in `data`/out."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", data / "cache")

    def run(*words: str, family: str = "wav2vec2") -> Events:
        model = save_tiny(data / family, family)
        options = ["--data", str(data), "--model", str(model), "--output", str(data / "out"), *words]
        monkeypatch.setattr("sys.argv", ["recipe.py", *options])
        runpy.run_path(str(RECIPE))["main"]()
        return [json.loads(line[2:]) for line in capsys.readouterr().out.splitlines() if line.startswith("@ ")]

    return run


def test_the_documented_recipe_trains_random_clips_and_scores_all(data: Path, recipe: Recipe) -> None:
    events = recipe("--max-steps", "3", "--batch-size", "2", "--freeze-feature-encoder")
    assert [one["event"] for one in events] == ["begin", "step", "step", "step", "judging", "judged", "end"]
    assert sum(float(one["real"]) for one in events if one["event"] == "step") == pytest.approx(sum(LENGTHS))
    assert sum(float(one["padded"]) for one in events if one["event"] == "step") > sum(LENGTHS)
    assert events[-1]["steps"] == 3 and events[-1]["precision"] == "float32"
    texts = [json.loads(line) for line in (data / "out" / "texts.jsonl").read_text("utf-8").splitlines()]
    assert [(one["id"], one["said"]) for one in texts] == [("clip0", "a b"), ("clip1", "b"), ("clip2", "c a")]
    assert not list((data / "out").rglob("*.safetensors"))


def test_the_tuned_recipe_pads_less_on_log_mel_and_keeps_texts_with_their_clips(data: Path, recipe: Recipe) -> None:
    words = ("--max-steps", "6", "--batch-size", "1", "--group-by-length", "--no-dropout", "--bf16")
    events = recipe(*words, family="wav2vec2-bert")
    steps = [one for one in events if one["event"] == "step"]
    assert [one["real"] for one in steps] == [one["padded"] for one in steps]
    assert events[-1]["precision"] == "bfloat16"
    texts = [json.loads(line) for line in (data / "out" / "texts.jsonl").read_text("utf-8").splitlines()]
    assert [(one["id"], one["said"]) for one in texts] == [("clip0", "a b"), ("clip2", "c a"), ("clip1", "b")]


def test_minutes_end_the_training_also_of_adapters(recipe: Recipe) -> None:
    events = recipe("--minutes", "0.005", "--batch-size", "2", "--lora")
    assert 1 <= len([one for one in events if one["event"] == "step"]) == int(events[-1]["steps"]) < 1000


def test_the_probe_times_both_precisions_and_trains_nothing(recipe: Recipe) -> None:
    (event,) = recipe("--probe", "--batch-size", "2")
    assert event["event"] == "probed" and float(event["gain"]) > 0


def test_a_step_without_a_finite_gradient_is_left_out(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import Wav2Vec2ForCTC

    forward = Wav2Vec2ForCTC.forward

    def broken(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        output = forward(self, *args, **kwargs)
        if output.loss is not None and self.training:
            output.loss = output.loss * np.inf
        return output

    broken.__signature__ = __import__("inspect").signature(forward)  # type: ignore[attr-defined]
    monkeypatch.setattr(Wav2Vec2ForCTC, "forward", broken)
    events = recipe("--max-steps", "2", "--batch-size", "2")
    assert events[-1]["skipped"] == 2

"""What a run takes where its settings leave model and data open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub.server import Repository, serve
from huggingface_hub import constants

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings import FinetuneSettings
from hf_speech_tl.stages.runs.preset import choose_preset

_BASE, _LARGE = "facebook/wav2vec2-xls-r-300m", "facebook/w2v-bert-2.0"


def _chosen(gpu: bool = False, **given: object) -> tuple[str, str, str]:
    settings, told = choose_preset(FinetuneSettings(**{"lang": "zh", **given}), gpu=gpu)
    assert settings.preset == "auto"
    return settings.model, " ".join(map(str, settings.data)), " ".join(text for _, text in told)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A Hub that has the model of the preset base; the requests that it gets."""
    with serve({}) as hub:
        hub.repositories[_BASE] = Repository(files={"config.json": json.dumps({}).encode()})
        _online(monkeypatch, hub.url)
        yield hub.requests


def _online(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def _cached(cache: Path, kind: str, repo: str, name: str) -> None:
    """A file in the Hub's cache, as huggingface_hub lays it."""
    folder = cache / f"{kind}s--{repo.replace('/', '--')}"
    for path, text in {f"snapshots/{'a' * 40}/{name}": "", "refs/main": "a" * 40}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def test_without_a_gpu_the_starter_and_no_question_to_the_network(models: list[str]) -> None:
    model, data, told = _chosen()
    assert (model, data) == ("starter", "starter") and models == []
    assert "no GPU here" in told and f"--preset base {_BASE}" in told and f"--preset large {_LARGE}" in told


def test_with_a_gpu_and_the_hub_a_pretrained_model(models: list[str]) -> None:
    model, data, told = _chosen(gpu=True, data=("recordings",))
    assert (model, data) == (_BASE, "recordings") and "a GPU" in told


def test_offline_mode_is_obeyed_and_the_cache_counts(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve({}) as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        assert _chosen(gpu=True)[:2] == ("starter", "starter")
        assert f"HF_HUB_OFFLINE is set and {_BASE} is not in the cache" in _chosen(gpu=True)[2]
        _cached(cache, "model", _BASE, "pytorch_model.bin")
        assert _chosen(gpu=True)[:2] == (_BASE, "starter")
        _cached(cache, "dataset", "google/fleurs", "it_it/test/0000.parquet")
        assert _chosen(gpu=True)[:2] == (_BASE, "starter")
        _cached(cache, "dataset", "google/fleurs", "cmn_hans_cn/test/0000.parquet")
        assert _chosen(gpu=True)[:2] == (_BASE, "fleurs")
        assert hub.requests == []


def test_a_hub_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    _online(monkeypatch, "http://127.0.0.1:9")
    model, data, told = _chosen(gpu=True)
    assert (model, data) == ("starter", "starter") and f"the Hub does not give {_BASE}" in told


def test_adapters_are_chosen_for_as_everything_else(models: list[str]) -> None:
    assert _chosen(tuning="lora", data=("x",))[0] == "starter" and models == []
    assert _chosen(tuning="lora", data=("x",), gpu=True)[0] == _BASE


def test_a_language_without_starter_speech_takes_fleurs(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve({}) as hub:
        hub.repositories["datasets/google/fleurs"] = Repository(files={"README.md": b""})
        _online(monkeypatch, hub.url)
        assert _chosen(lang="it")[:2] == ("starter", "fleurs")
        assert _chosen(model="some/model")[:2] == ("some/model", "fleurs")
        with pytest.raises(SettingsError, match=r"no recordings are named, and FLEURS, .* has no Quechua"):
            _chosen(lang="qu")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(SettingsError, match=r"no recordings are named, and HF_HUB_OFFLINE.* --data; .* offline"):
        _chosen(lang="it")
    assert _chosen(model="some/model")[:2] == ("some/model", "starter")


def test_a_preset_that_is_named_is_taken_as_it_is() -> None:
    assert _chosen(preset="large")[:2] == (_LARGE, "fleurs")
    assert _chosen(preset="starter", gpu=True)[:2] == ("starter", "starter")
    assert _chosen(preset="base", data=("mine",))[:2] == (_BASE, "mine")
    with pytest.raises(SettingsError, match="--preset base --model m --data d: a preset chooses"):
        FinetuneSettings(lang="zh", preset="base", model="m", data=("d",))


def test_what_is_given_is_left_alone() -> None:
    given = FinetuneSettings(lang="zh", model="m", data=("d",))
    assert choose_preset(given, gpu=True) == (given, [])


def test_random_weights_are_not_drawn_for_a_large_model_unasked(models: list[str]) -> None:
    model, _, told = _chosen(gpu=True, from_scratch=True)
    assert model == "starter" and "--from-scratch" in told and models == []


def test_a_preset_that_cannot_be_is_refused_with_the_other_settings() -> None:
    with pytest.raises(SettingsError, match="--from-scratch --tuning lora: adapters or a head alone learn nothing"):
        FinetuneSettings(lang="zh", preset="starter", tuning="lora", from_scratch=True)
    assert FinetuneSettings(lang="zh", preset="starter", model="m", tuning="lora").data == ("starter",)
    with pytest.raises(SettingsError, match="--data auto: stands for all data"):
        FinetuneSettings(lang="zh", data=("auto", "x"))


def test_the_directory_is_named_before_the_model_is_known() -> None:
    settings = FinetuneSettings(lang="zh")
    assert settings.output is not None and settings.output.name.startswith("zh-auto-")
    assert choose_preset(settings, gpu=False)[0].output == settings.output

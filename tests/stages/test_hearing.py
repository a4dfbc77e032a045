"""Recordings of a corpus too large to be decoded before the first step."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import pytest
import soundfile

from hf_speech_tl.settings import EvaluateSettings, FinetuneSettings
from hf_speech_tl.stages import evaluation
from hf_speech_tl.stages.finetune import run as finetune
from hf_speech_tl.stages.reading import progress_of
from hf_speech_tl.training import SpeechTrainer


@pytest.fixture
def with_silence(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The corpus with a silent clip in validation and test each, and none of it decoded at first."""
    monkeypatch.setattr("hf_speech_tl.corpora.screening._DECODED_HOURS", 0)
    monkeypatch.setattr("hf_speech_tl.corpora.screening._SAMPLE", 0)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    silence = io.BytesIO()
    soundfile.write(silence, np.zeros(16_000), 16_000, format="WAV")
    folder = tmp_path / "with silence"
    folder.mkdir()
    for file in corpus.glob("*.parquet"):
        rows = datasets.Dataset.from_parquet(str(file), cache_dir=str(tmp_path / "cache")).to_list()
        if file.stem != "train":
            rows[0]["audio"]["bytes"] = silence.getvalue()
        datasets.Dataset.from_list(rows).to_parquet(str(folder / file.name))
    return folder


def test_what_cannot_be_heard_is_left_out_of_every_score(
    with_silence: Path, settings: Callable[..., FinetuneSettings], tiny_checkpoint: Path, tmp_path: Path
) -> None:
    results = finetune(settings(data=(str(with_silence),)))
    assert results["data"]["rows"] == {"train": 8, "validation": 7, "test": 7}
    assert results["data"]["skipped"] == {"silent": 2}
    assert results["after"]["utterances"] == results["before"]["utterances"] == 7
    with (tmp_path / "run" / "skipped.csv").open(newline="") as file:
        listed = {(row["id"], row["split"], row["reason"]) for row in csv.DictReader(file)}
    assert listed == {("validation-clip0", "validation", "silent"), ("test-clip0", "test", "silent")}
    model = str(tmp_path / "run")
    again = evaluation.run(EvaluateSettings(model=model, against=str(tiny_checkpoint), data=(str(with_silence),)))
    assert again["after"] == results["after"]
    assert again["against"]["scores"]["utterances"] == 7
    assert again["data"]["skipped"] == {"silent": 1}


def test_progress_without_a_terminal_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hf_speech_tl.stages.reading._EVERY", -1.0)
    with progress_of("looking", quiet=False) as progress:
        progress(3, 4)
    assert capsys.readouterr().err.startswith("looking: 3 of 4, ")
    with progress_of("looking", quiet=True) as progress:
        progress(3, 4)
    assert capsys.readouterr().err == ""


def test_recordings_may_go_while_a_model_is_trained(
    settings: Callable[..., FinetuneSettings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("hf_speech_tl.training.clips._KEPT_SHARE", 0.0)  # nothing is remembered
    folder = tmp_path / "clips"
    lines = ["path,text,split"]
    for at, split in enumerate(("train",) * 6 + ("dev",) * 3 + ("test",) * 3):
        folder.mkdir(exist_ok=True)
        soundfile.write(folder / f"a{at}.wav", np.random.default_rng(at).normal(0, 0.1, 16_000), 16_000)
        lines.append(f"a{at}.wav,ab{'c' * at},{split}")
    (folder / "metadata.csv").write_text("\n".join(lines))
    trained = SpeechTrainer.training_step

    def train(self: SpeechTrainer, *arguments: object) -> object:
        if self.state.global_step == 1:
            for gone in ("a0.wav", "a6.wav", "a9.wav"):
                (folder / gone).unlink(missing_ok=True)
            (folder / "a1.wav").write_bytes((folder / "a1.wav").read_bytes()[:5_000])
        return trained(self, *arguments)

    monkeypatch.setattr(SpeechTrainer, "training_step", train)
    results = finetune(settings(data=(str(folder),), max_steps=6))
    assert results["training"]["clips_lost"] == {"a0": "missing file", "a1": "truncated", "a6": "missing file"}
    assert results["after"]["utterances"] == results["before"]["utterances"] == 2
    assert results["data"]["rows"]["test"] == 2 and results["data"]["skipped"] == {"missing file": 1}
    assert any(note.startswith("1 of 3 test recordings could no longer be read") for note in results["data"]["notes"])
    said = capsys.readouterr().err
    assert said.count("skipped from now on: a6: missing file") == 1
    assert "warning: 1 of 3 test recordings could no longer be read when training was done" in said
    with (tmp_path / "run" / "skipped.csv").open(newline="") as file:
        assert [(row["id"], row["reason"]) for row in csv.DictReader(file)] == [("a9", "missing file")]

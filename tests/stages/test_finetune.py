"""The whole stage on a tiny model: what a user finds in the directory afterwards."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from tiny import FAMILIES, RATE, encoder_of, extractor_of, free_port, save_tiny, tiny_model
from transformers import AutoModelForCTC, AutoProcessor, pipeline

from hf_speech_tl.errors import DataError, SettingsError
from hf_speech_tl.models import Vocabulary, can_mask, is_of_head, load_checkpoint, read_config, replace_head
from hf_speech_tl.settings import EvaluateSettings, FinetuneSettings, Source, write_yaml
from hf_speech_tl.settings.yaml_file import read_values
from hf_speech_tl.stages import evaluation
from hf_speech_tl.stages.finetune import run

# One that hears a waveform and both ways of hearing log-mel while one works; the others when all is run.
_QUICK = ("wav2vec2", "wav2vec2-bert", "parakeet_ctc")
_FAMILIES = [pytest.param(name, marks=() if name in _QUICK else pytest.mark.slow) for name in FAMILIES]
_FILES = {
    "model.safetensors",
    "config.json",
    "processor_config.json",
    "tokenizer_config.json",
    "vocab.json",
    "README.md",
    "head.csv",
    "results.json",
    "run.yaml",
    "skipped.csv",
    "log.jsonl",
    "training.svg",
}


def _weights(directory) -> dict[str, torch.Tensor]:
    return load_file(directory / "model.safetensors")


def test_a_directory_that_stands_alone(complete) -> None:
    results, directory = complete
    assert {path.name for path in directory.iterdir()} == _FILES
    stored = json.loads((directory / "results.json").read_text())
    assert stored == {key: value for key, value in results.items() if key != "output"}
    assert "](training.svg)" in (directory / "README.md").read_text()
    assert stored["before"]["utterances"] == stored["after"]["utterances"] == 8
    assert str(directory.parent) not in (directory / "README.md").read_text() + (directory / "config.json").read_text()
    processor = AutoProcessor.from_pretrained(directory)
    assert len(processor.tokenizer) == AutoModelForCTC.from_pretrained(directory).config.vocab_size == 6
    text = pipeline("automatic-speech-recognition", model=str(directory))
    assert "text" in text({"raw": torch.randn(RATE).numpy(), "sampling_rate": RATE})


def test_the_same_settings_give_the_same_weights_and_scores(settings, complete, tmp_path) -> None:
    first, directory = complete
    assert first["training"]["augment"] == ["speed", "pitch", "gain", "mask"]  # chance has a part in every step
    values = read_values(FinetuneSettings, directory / "run.yaml")
    second = run(FinetuneSettings(**values, output=tmp_path / "two", quiet=True))
    assert first["after"] == second["after"]
    for key, value in _weights(directory).items():
        assert torch.equal(value, _weights(tmp_path / "two")[key])
    other = run(settings(output=tmp_path / "three", seed=1))
    assert other["training"]["seed"] == 1
    assert any(not torch.equal(v, _weights(tmp_path / "three")[k]) for k, v in _weights(directory).items())


@pytest.mark.parametrize("family", _FAMILIES)
def test_lora_is_merged_and_its_adapter_loads_on_the_untouched_base(family: str, settings, tmp_path) -> None:
    base = tmp_path / "base"
    encoder_of(tiny_model(family, symbols=40)).save_pretrained(base)  # peft looks whether the vocabulary has changed
    results = run(settings(model=str(base), tuning="lora", lora_rank=4, learning_rate=0.05))
    assert results["before"] is None and results["training"]["trained_parameters"] < results["model"]["parameters"]
    merged = AutoModelForCTC.from_pretrained(tmp_path / "run").eval()
    bare = load_checkpoint(str(base), read_config(str(base)))
    replace_head(bare, Vocabulary(tuple(map(chr, range(97, 97 + merged.config.vocab_size)))))
    adapted = PeftModel.from_pretrained(bare.model, tmp_path / "run" / "adapter").eval()
    extractor = extractor_of(merged)
    inputs = extractor(torch.randn(RATE).numpy(), sampling_rate=RATE, return_tensors="pt")
    torch.testing.assert_close(adapted(**inputs).logits, merged(**inputs).logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", _FAMILIES)
def test_every_family_is_trained_whole_and_read_alike_by_the_pipeline(family: str, settings, tmp_path) -> None:
    base = save_tiny(tmp_path / "base", family)
    results = run(settings(model=str(base), max_steps=2, augment=None))
    assert results["before"] is not None and results["model"]["family"] == family
    voices = ["speed", "pitch", "gain"]  # of small models
    assert results["training"]["augment"] == voices + (["mask"] if can_mask(tiny_model(family).config) else [])
    trained, before = _weights(tmp_path / "run"), _weights(base)
    moved = {key for key, value in trained.items() if not torch.equal(value, before.get(key, value))}
    assert any(is_of_head(key) for key in moved) and any("encoder.layer" in key for key in moved)
    assert not any("feature_extractor" in key for key in moved)


def test_the_weight_of_a_source_is_told_and_kept(settings, corpus, capfd, tmp_path) -> None:
    source = Source(str(corpus), 0.5)
    results = run(settings(data=(source,), max_steps=1, quiet=False))
    assert results["data"]["weights"] == [0.5]
    assert f"an epoch has {results['data']['sources'][0]} x 0.5" in capfd.readouterr().err
    assert read_values(FinetuneSettings, tmp_path / "run" / "run.yaml")["data"] == (source,)


def test_units_and_unseen_symbols_are_told(settings, capfd) -> None:
    results = run(settings(model="starter", from_scratch=True, max_steps=1, units="romanized", quiet=False))
    assert results["model"]["fresh"] and results["language"]["units"] == "romanized"
    assert results["model"]["base_model"] is None and results["before"] is None
    assert "starter (random weights)" in capfd.readouterr().err


@pytest.mark.parametrize("tuning", ["full", "lora", "head"])
def test_the_starter_is_trained_on_and_its_card_says_what_that_asks(settings, tmp_path, capfd, tuning) -> None:
    results = run(settings(model="starter", max_steps=1, units="romanized", quiet=False, tuning=tuning))
    assert results["model"]["base_model"] == results["model"]["name"] == "starter" and not results["model"]["fresh"]
    assert results["before"] is not None  # it knows all Latin letters
    augment = {"full": ["speed", "pitch", "gain", "mask"], "lora": ["mask"], "head": []}
    assert results["training"]["augment"] == augment[tuning]
    assert "starter (pretrained)" in capfd.readouterr().err
    card = (tmp_path / "run" / "README.md").read_text("utf-8")
    assert "fine-tuned from the starter" in card and "under [cc-by-sa-4.0]" in card and "base_model" not in card
    assert not [path for path in (tmp_path / "run").rglob("*.json") if "assets" in path.read_text("utf-8")]
    if tuning == "full":  # once more, from what was made of it
        again = run(settings(model=str(tmp_path / "run"), max_steps=1, units="romanized", output=tmp_path / "again"))
        assert again["model"]["base_model"] is None and again["model"]["starter"]
        card = (tmp_path / "again" / "README.md").read_text("utf-8")
        assert "fine-tuned from the starter" in card and "under [cc-by-sa-4.0]" in card


def test_ipa_is_counted_by_symbols_and_names_its_reader(settings, corpus, tmp_path) -> None:
    pytest.importorskip("espeakng_loader", reason="needs espeakng-loader of the extra espeak")
    results = run(settings(max_steps=1, units="ipa"))
    assert results["language"]["reader"].startswith("espeak-ng ") and results["language"]["metric"] == "cer"
    assert "read from spelling by espeak-ng" in (tmp_path / "run" / "README.md").read_text("utf-8")
    symbols = json.loads((tmp_path / "run" / "vocab.json").read_text("utf-8"))
    assert "k" in symbols and "c" not in symbols
    again = evaluation.run(EvaluateSettings(model=str(tmp_path / "run"), data=(str(corpus),)))
    assert again["after"] == results["after"]


def test_what_is_in_the_way_is_left_alone(settings, tmp_path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    with pytest.raises(SettingsError, match="not a run of ours"):
        run(settings())
    assert (tmp_path / "run" / "thesis.txt").read_text() == "mine"


def test_an_earlier_run_is_replaced_only_when_asked_and_a_link_not_what_it_leads_to(
    settings, earlier, tmp_path
) -> None:
    before = _weights(earlier)
    (earlier / "notes.txt").write_text("mine")
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "kept").write_text("mine")
    (earlier / "checkpoints").symlink_to(tmp_path / "big")
    with pytest.raises(SettingsError, match="--overwrite to replace it, or name"):
        run(settings(max_steps=1))
    run(settings(max_steps=1, overwrite=True))
    assert (earlier / "notes.txt").read_text() == (tmp_path / "big" / "kept").read_text() == "mine"
    assert not (earlier / "checkpoints").is_symlink()
    assert any(not torch.equal(value, before[key]) for key, value in _weights(earlier).items())


@pytest.mark.slow
def test_ctrl_c_leaves_a_checkpoint_and_the_resumed_run_ends_alike(settings, tmp_path) -> None:
    whole = run(settings(max_steps=120, output=tmp_path / "whole"))
    values = read_values(FinetuneSettings, tmp_path / "whole" / "run.yaml")
    command = [sys.executable, "-m", "hf_speech_tl.finetune", str(tmp_path / "whole" / "run.yaml")]
    cut = tmp_path / "cut"
    process = subprocess.Popen([*command, "--output", str(cut)], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (cut / "log.jsonl").is_file() and time.monotonic() < deadline and process.poll() is None:
        os.sched_yield()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130 and f"--resume {cut}" in said
    resumed = run(FinetuneSettings(**values, output=None, resume=str(cut), quiet=True))
    assert resumed["after"] == whole["after"]
    for key, value in _weights(tmp_path / "whole").items():
        assert torch.equal(value, _weights(cut)[key])


def test_what_tensorboard_reads_stays_when_the_checkpoints_go_and_goes_with_the_run(settings, earlier) -> None:
    (earlier / "tensorboard").mkdir()
    (earlier / "tensorboard" / "events of the earlier run").write_text("old")
    run(settings(max_steps=1, overwrite=True, report_to=("tensorboard",)))
    (events,) = (earlier / "tensorboard").iterdir()
    assert events.read_bytes() not in (b"", b"old") and not (earlier / "checkpoints").exists()
    assert "report" not in (earlier / "README.md").read_text()
    assert {path.name for path in earlier.iterdir()} == {*_FILES, "tensorboard"}


def test_a_log_that_was_taken_away_costs_the_picture_and_not_the_run(settings, tmp_path, monkeypatch) -> None:
    def nothing(log: Path, picture: Path) -> None:
        raise DataError("nothing to draw")

    monkeypatch.setattr("hf_speech_tl.stages.conclusion.draw_curves", nothing)
    run(settings(max_steps=1))
    assert {path.name for path in (tmp_path / "run").iterdir()} == _FILES - {"training.svg"}
    assert "training.svg" not in (tmp_path / "run" / "README.md").read_text()


def test_a_run_does_not_go_on_with_other_data(settings, corpus, tmp_path, monkeypatch) -> None:
    own = shutil.copytree(corpus, tmp_path / "data")

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("hf_speech_tl.stages.finetune.save_model", interrupt)
        run(settings(data=(str(own),)))
    table = pq.read_table(own / "train.parquet")
    pq.write_table(table.slice(1), own / "train.parquet")
    again = settings(data=(str(own),), output=None, resume=str(tmp_path / "run"))
    with pytest.raises(SettingsError, match="not those that the run began with"):
        run(again)
    pq.write_table(table, own / "train.parquet")
    assert run(again)["training"]["resumed_at_step"] == 4


def test_nothing_to_resume_is_said(settings, tmp_path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(SettingsError, match="no unfinished run"):
        run(settings(output=None, resume=str(tmp_path / "run")))


def test_what_fails_later_has_removed_nothing(settings, earlier, tmp_path) -> None:
    before = _weights(earlier)
    for changes in ({"data": (str(tmp_path / "none"),)}, {"epochs": 1, "max_steps": None, "head_steps": 1000}):
        with pytest.raises(SettingsError):
            run(settings(overwrite=True, **changes))
    after = _weights(earlier)
    assert after.keys() == before.keys() and all(torch.equal(value, before[key]) for key, value in after.items())


def test_the_output_may_not_hold_what_the_run_needs(settings, earlier) -> None:
    with pytest.raises(SettingsError, match="would be lost"):
        run(settings(model=str(earlier), overwrite=True))


def test_other_accounts_may_read_the_weights(complete) -> None:
    _, directory = complete
    assert (directory / "model.safetensors").stat().st_mode == (directory / "config.json").stat().st_mode


@pytest.mark.slow
def test_two_processes_train_one_model(settings, tmp_path) -> None:
    alone = run(settings(output=tmp_path / "alone"))
    write_yaml(settings(quiet=False), tmp_path / "settings.yaml")
    environment = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
    }
    environment |= {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    command = [sys.executable, "-m", "hf_speech_tl.finetune", str(tmp_path / "settings.yaml")]
    running = [
        subprocess.Popen(
            [*command, "--output", str(tmp_path / "both"), "--json"],
            env=os.environ | environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=240)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0] and not said[1].strip()
    results = json.loads(said[0].splitlines()[-1])
    assert {path.name for path in (tmp_path / "both").iterdir()} == _FILES
    assert results["training"]["steps"] == alone["training"]["steps"]
    # Half the seconds a process make other batches than one process does, so that the models only resemble each other.
    assert results["after"]["utterances"] == alone["after"]["utterances"]

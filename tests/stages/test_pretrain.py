"""The whole stage on tiny models: what is in the directory afterwards, and that a run that was cut goes on exactly."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import datasets
import pytest
import torch
from hub.front_matter import complaints
from safetensors.torch import load_file
from tiny import encoder_of, in_pair, save_tiny, tiny_model, tiny_rows
from transformers import AutoFeatureExtractor, AutoModel

from hf_speech_tl.errors import RunError, SettingsError
from hf_speech_tl.models import Teacher, load_checkpoint, place_of, read_config
from hf_speech_tl.objectives import Distillation
from hf_speech_tl.settings import FinetuneSettings, PretrainSettings, write_yaml
from hf_speech_tl.settings.source import Source
from hf_speech_tl.stages import pretrain, readiness
from hf_speech_tl.stages.finetune import run as finetune
from hf_speech_tl.stages.pretrain import run
from hf_speech_tl.training import Clips, made, probe

_MASKED = dict(objective="masked", teacher=None)
_TEXTS = ("ab", "abc d", "d", "a bad cab dab", "bb", "cab", "dad cab", "ada")


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `corpus`, but without transcripts."""
    folder = tmp_path_factory.mktemp("recordings")
    for seed, split in enumerate(("train", "validation", "test")):
        lengths = tuple(0.6 + 0.2 * ((at + seed) % 5) for at in range(len(_TEXTS)))
        rows = tiny_rows(lengths, _TEXTS, seed).remove_columns(["transcript", "source", "lang", "text"])
        rows = rows.map(lambda row, split=split: {"id": f"{split}-{row['id']}"})
        rows.to_parquet(str(folder / f"{split}.parquet"))
    return folder


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("teacher"), "hubert", hidden_size=24)


@pytest.fixture
def settings(
    recordings: Path, teacher: Path, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., PretrainSettings]:
    """Settings of a short quiet run; what differs is given by name."""
    monkeypatch.setattr(probe, "_STEPS", 5)
    monkeypatch.setattr("hf_speech_tl.stages.probing.LEAST_PROBED", 4)

    def make(**changes: object) -> PretrainSettings:
        plain: dict[str, object] = dict(
            data=(str(recordings),),
            config=str(tiny_checkpoint / "config.json"),
            objective="distil",
            teacher=str(teacher),
            max_steps=4,
            batch_seconds=3.0,
            precision="float32",
            output=tmp_path / "run",
            cache=tmp_path / "cache",
            quiet=True,
        )
        return PretrainSettings(**(plain | changes))

    return make


def _weights(directory: Path) -> dict[str, torch.Tensor]:
    return load_file(directory / "model.safetensors")


def test_recordings_alone_give_an_encoder_that_others_load(settings, corpus, tmp_path) -> None:
    results = run(settings())
    directory = tmp_path / "run"
    names = {"model.safetensors", "config.json", "preprocessor_config.json", "README.md", "results.json", "run.yaml"}
    assert {path.name for path in directory.iterdir()} == names | {"skipped.csv", "log.jsonl", "training.svg"}
    assert json.loads((directory / "results.json").read_text()) == {k: v for k, v in results.items() if k != "output"}
    assert results["training"]["decided_by"] == "loss" and results["data"]["rows"] == {"train": 8, "validation": 8}
    model, report = AutoModel.from_pretrained(directory, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    assert AutoFeatureExtractor.from_pretrained(directory).sampling_rate == 16_000
    assert type(model) is type(encoder_of(tiny_model()))
    ours = load_checkpoint(str(directory), read_config(str(directory)))
    assert ours.vocabulary is None and not ours.fresh
    for key, value in _weights(directory).items():
        assert torch.equal(encoder_of(ours.model).state_dict().get(key, value), value), key
    card = (directory / "README.md").read_text()
    assert complaints(card) == []
    assert "automatic-speech-recognition" not in card and str(tmp_path) not in card and "DistilHuBERT" in card
    tuned = finetune(
        FinetuneSettings(
            lang="it", data=(str(corpus),), model=str(directory), max_steps=1, output=tmp_path / "tuned", quiet=True
        )
    )
    assert tuned["before"] is None and not tuned["model"]["fresh"]


def test_a_recording_that_goes_while_it_trains_costs_nothing() -> None:
    rows = tiny_rows((0.6, 0.7, 0.8), ("a", "b", "c"))
    rows = rows.map(
        lambda row, at: {"audio": {"bytes": None, "path": "gone.wav"} if at == 1 else row["audio"]}, with_indices=True
    )
    assert [len(clip) for clip in pretrain._first_clips(Clips(rows))] == [9600, 12800]


def test_transcripts_serve_the_probe_which_decides(settings, corpus, log, tmp_path, capfd) -> None:
    results = run(settings(data=(str(corpus),), max_steps=20, gradient_checkpointing="always", quiet=False))
    assert results["training"]["decided_by"] == "probe_cer"
    lines = log(tmp_path / "run")
    probed = [entry["step"] for entry in lines if "eval_probe_cer" in entry]
    assert len(probed) == 4 and probed[-1] == 20 and len([entry for entry in lines if "eval_loss" in entry]) == 10
    assert results["training"]["best"] == min(entry["eval_probe_cer"] for entry in lines if "eval_probe_cer" in entry)
    assert "teacher" in (said := capfd.readouterr().err) and "layers 1 and 2" in said and "letter error" in said
    assert "at most; layers are computed again for their gradients" in " ".join(said.split())


def test_what_is_held_out_is_not_heard_under_another_name(settings, corpus, tmp_path) -> None:
    tested = datasets.Dataset.from_parquet(str(corpus / "test.parquet"), cache_dir=str(tmp_path / "cache"))
    rows = tiny_rows((0.7, 0.8, 0.9), ("ab", "ba", "b"), seed=5).remove_columns(["transcript", "source", "lang"])
    other = [row | {"id": f"tape {at}"} for at, row in enumerate(rows.to_list(), 2)]
    renamed = [tested[at] | {"id": f"tape {at}"} for at in range(2)]
    (tmp_path / "archive").mkdir()
    for split, heard in (("train", [*renamed, other[0]]), ("validation", other[1:2]), ("test", other[2:])):
        datasets.Dataset.from_list(heard).to_parquet(str(tmp_path / "archive" / f"{split}.parquet"))
    archive = Source(str(tmp_path / "archive"), labelled=False)
    results = run(settings(data=(str(corpus), archive)))
    assert results["data"]["rows"] == {"train": 8 + 1, "validation": 8 + 1}
    skipped = (tmp_path / "run" / "skipped.csv").read_text("utf-8")
    assert "tape 0" in skipped and "tape 1" in skipped


def test_with_any_seed_the_probe_learns_from_the_same_clips(settings, corpus, tmp_path, monkeypatch) -> None:
    drawn: list[list[str]] = []

    draw = pretrain.draw_probe

    def noted(*given) -> None:
        probe = draw(*given)
        drawn.append(probe.train.rows["id"][:] + probe.validation.rows["id"][:])
        raise RunError("enough is known")

    monkeypatch.setattr(pretrain, "PROBED_SECONDS", 3.0)
    monkeypatch.setattr(pretrain, "draw_probe", noted)
    for seed in (0, 1):  # there is room for the targets of some clips alone, drawn by the seed
        with pytest.raises(RunError, match="enough is known"):
            run(settings(data=(str(corpus),), cache_gb=6e-5, seed=seed))
    assert len(drawn[0]) > 1 and drawn[0] == drawn[1]


def test_a_run_that_was_cut_and_went_on_is_the_run_that_was_not(settings, corpus, cut_at, log, tmp_path) -> None:
    changes = dict(data=(str(corpus),), max_steps=8, augment=("gain",), learning_rate=1e-2)
    run(settings(output=tmp_path / "whole", **changes))
    cut = settings(output=tmp_path / "cut", **changes)
    cut_at(5, cut)
    results = run(dataclasses.replace(cut, output=None, resume=str(cut.output)))
    assert results["training"]["resumed_at_step"] == 5
    whole, went_on = _weights(tmp_path / "whole"), _weights(tmp_path / "cut")
    assert whole.keys() == went_on.keys() and all(torch.equal(went_on[key], value) for key, value in whole.items())
    assert log(tmp_path / "cut") == log(tmp_path / "whole")
    with pytest.raises(SettingsError, match="that run is complete"):
        run(dataclasses.replace(cut, output=None, resume=str(cut.output)))


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["distil", "masked"])
def test_two_processes_learn_as_one(objective: str, settings, corpus, log, tmp_path) -> None:
    # All clips in every step, whoever takes which.
    changes = dict(data=(str(corpus),), objective=objective, batch_seconds=30.0, learning_rate=1e-2, augment=())
    changes |= {} if objective == "distil" else {"teacher": None}
    alone = run(settings(output=tmp_path / "alone", **changes))
    write_yaml(settings(output=tmp_path / "unused", cache=tmp_path / "another", **changes), tmp_path / "settings.yaml")
    program = (
        "import dataclasses, json, sys\nfrom pathlib import Path\n"
        "from hf_speech_tl.settings import PretrainSettings, read_yaml\n"
        "from hf_speech_tl.stages import pretrain, probing\nfrom hf_speech_tl.training import probe\n"
        "probe._STEPS, probing.LEAST_PROBED = 5, 4\n"
        "directory = Path(sys.argv[2])\nsettings = read_yaml(PretrainSettings, directory / 'settings.yaml')\n"
        "results = pretrain.run(dataclasses.replace(settings, output=directory / 'both', quiet=True))\n"
        "assert bool(results) == (sys.argv[1] == '0')\n"
    )
    in_pair(program, tmp_path)
    both = json.loads((tmp_path / "both" / "results.json").read_text("utf-8"))
    assert both["training"]["steps"] == alone["training"]["steps"] and both["data"] == alone["data"]
    for line, same in zip(log(tmp_path / "alone"), log(tmp_path / "both"), strict=True):
        assert line.keys() == same.keys()
        assert same == pytest.approx(line, rel=1e-3, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["masked", "contrastive"])
def test_what_is_drawn_goes_on_too(objective: str, settings, cut_at, log, tmp_path) -> None:
    changes = dict(objective=objective, teacher=None, max_steps=8, learning_rate=1e-2)
    results = run(settings(output=tmp_path / "whole", **changes))
    assert results["training"]["objective"] == objective
    cut = settings(output=tmp_path / "cut", **changes)
    cut_at(5, cut)
    run(dataclasses.replace(cut, output=None, resume=str(cut.output)))
    whole, went_on = _weights(tmp_path / "whole"), _weights(tmp_path / "cut")
    assert whole.keys() == went_on.keys() and all(torch.equal(went_on[key], value) for key, value in whole.items())
    assert log(tmp_path / "cut") == log(tmp_path / "whole")
    assert "prediction_cosine" in log(tmp_path / "cut")[0]
    report = AutoModel.from_pretrained(tmp_path / "whole", output_loading_info=True)[1]
    assert not report["missing_keys"] and not report["unexpected_keys"]


@pytest.mark.slow
def test_clusters_of_a_layer_and_masks_of_a_clip(settings, tmp_path) -> None:
    changes = dict(objective="masked", teacher=None, max_steps=1)
    first = run(settings(output=tmp_path / "first", **changes))
    assert first["training"]["clustered_on"] == "cepstra" and first["training"]["clusters"] >= 2
    second = run(settings(output=tmp_path / "second", cluster_on=f"{tmp_path / 'first'}:1", clusters=3, **changes))
    assert second["training"]["clustered_on"] == "first:1" and second["training"]["clusters"] == 3


@pytest.mark.slow
def test_clusters_of_another_model_do_not_go_on(settings, cut_at, tmp_path) -> None:
    run(settings(output=tmp_path / "first", max_steps=1, **_MASKED))
    cut = settings(output=tmp_path / "cut", cluster_on=str(tmp_path / "first"), clusters=3, **_MASKED)
    cut_at(2, cut)
    run(settings(output=tmp_path / "first", max_steps=2, overwrite=True, **_MASKED))
    with pytest.raises(RunError, match=r"--cluster-on .*first: its states are not those .*--overwrite"):
        run(dataclasses.replace(cut, output=None, resume=str(cut.output)))


def test_recordings_of_many_languages_may_be_asked_for_as_finetune_takes_them(settings, corpus, recordings) -> None:
    sources = (Source(str(corpus), lang="it"), Source(str(recordings), lang="es"))
    assert run(settings(data=sources, lang="mul", max_steps=1, **_MASKED))["lang"] == "mul"


def test_what_the_teacher_made_before_a_kill_is_not_made_again(settings, tmp_path, monkeypatch) -> None:
    heard: list[int] = []
    ask = Teacher.__call__

    def count(self, clips):
        if len(heard) == 2:
            raise KeyboardInterrupt
        heard.append(len(clips))
        return ask(self, clips)

    monkeypatch.setattr(made, "_TOGETHER", 3.0)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Teacher, "__call__", count)
        run(settings())
    assert sum(heard) > 0 and not (tmp_path / "run").exists()
    before = len(list((tmp_path / "cache").rglob("*.npy")))
    assert before == sum(heard) < 16
    asked: list[int] = []
    monkeypatch.setattr(Teacher, "__call__", lambda self, clips: asked.append(len(clips)) or ask(self, clips))
    run(settings())
    assert sum(asked) == 16 - before
    # As from the run.yaml of a run that was asked for --precision auto: what it measured is no part of the targets.
    run(settings(output=tmp_path / "again", precision="bfloat16"))
    assert sum(asked) == 16 - before


@pytest.mark.slow
def test_only_so_many_hours_are_asked_for_as_there_is_room(settings, tmp_path, capfd) -> None:
    results = run(settings(cache_gb=6.5e-5, quiet=False))
    rows = results["data"]["rows"]
    assert 0 < rows["train"] < 8 and rows["validation"] == 8
    assert "have no room (--cache-gb 6.5e-05)" in " ".join(capfd.readouterr().err.split())
    kept = sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*.npy"))
    assert kept < 6.5e4 + 16 * 200
    with pytest.raises(SettingsError, match=r"--cache-gb 1e-06: has no room"):
        run(settings(cache_gb=1e-6, output=tmp_path / "other"))


@pytest.mark.slow
def test_states_that_are_gone_are_told_and_made_anew(settings, tmp_path) -> None:
    run(settings())
    for path in (tmp_path / "cache").rglob("*.npy"):
        path.unlink()
    with pytest.raises(RunError, match="not there any more"):
        run(settings(output=tmp_path / "again"))
    run(settings(output=tmp_path / "third"))


@pytest.mark.slow
def test_weights_go_on_from_a_model_and_a_teacher_is_not_touched(settings, tiny_checkpoint, tmp_path) -> None:
    results = run(settings(config=None, model=str(tiny_checkpoint), max_steps=1, learning_rate=1e-4, optimizer="adamw"))
    assert not results["model"]["fresh"]
    old = _weights(tiny_checkpoint)
    new = {key: value for key, value in _weights(tmp_path / "run").items() if f"wav2vec2.{key}" in old}
    moved = [(value - old[f"wav2vec2.{key}"]).abs().max().item() for key, value in new.items()]
    assert len(new) > 20 and 0 < max(moved) < 1e-3


def test_what_goes_on_from_a_model_knows_how_good_that_was(
    settings, corpus, tiny_checkpoint, cut_at, log, capfd
) -> None:
    cut = settings(config=None, model=str(tiny_checkpoint), data=(str(corpus),))
    cut_at(2, cut)
    training = run(dataclasses.replace(cut, output=None, resume=str(cut.output)))["training"]
    assert ("no better than it was" in capfd.readouterr().err) == (training["best"] >= training["before"])
    probed = {entry["step"]: entry["eval_probe_cer"] for entry in log(cut.output) if "eval_probe_cer" in entry}
    assert training["resumed_at_step"] == 2 and training["before"] == probed.pop(0) > 0
    assert training["best"] == min(probed.values())
    card = (cut.output / "README.md").read_text("utf-8")
    assert complaints(card) == [] and f"and made {training['before']:.3f} before" in card
    # Without weights there is nothing before, without transcripts no probe.
    for others in (dict(data=(str(corpus),)), dict(config=None, model=str(tiny_checkpoint))):
        assert run(settings(max_steps=1, overwrite=True, **others))["training"]["before"] is None


@pytest.mark.slow
def test_heads_are_fitted_where_weights_go_on_and_not_where_a_run_does(
    settings, tiny_checkpoint, cut_at, monkeypatch
) -> None:
    fitted: list[int] = []
    monkeypatch.setattr(Distillation, "fit_heads", lambda _, batches: fitted.append(len(list(batches))))
    cut = settings(config=None, model=str(tiny_checkpoint))
    cut_at(2, cut)
    assert fitted == [1]
    run(dataclasses.replace(cut, output=None, resume=str(cut.output)))
    run(settings(output=cut.output.with_name("fresh")))
    assert fitted == [1]


def test_the_starter_is_trained_on_and_can_teach(settings, tmp_path) -> None:
    results = run(settings(model="starter", config=None, teacher="starter", max_steps=1))
    assert results["model"]["base_model"] == results["model"]["name"] == "starter" and not results["model"]["fresh"]
    assert results["training"]["teacher"] == "starter"
    card = (tmp_path / "run" / "README.md").read_text("utf-8")
    assert "trained on from the starter" in card and "under [cc-by-sa-4.0]" in card and "base_model" not in card
    old, new = (load_file(Path(place, "model.safetensors")) for place in (place_of("starter"), tmp_path / "run"))
    moved = [(value - old[f"wav2vec2_bert.{key}"].float()).abs().max().item() for key, value in new.items()]
    assert 0 < max(moved) < 0.1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (dict(student_layer=3), r"--student-layer 3: .*has 2 layers"),
        (dict(teacher_layers="1,9"), r"--teacher-layers 1,9: .* no layer 9"),
        (dict(teacher="/nowhere"), r"--teacher /nowhere: there is no such directory"),
        (dict(config="/nowhere"), r"--config /nowhere: there is no such directory"),
        (_MASKED | dict(cluster_on="/nowhere:1"), r"--cluster-on /nowhere: there is no such directory"),
    ],
)
def test_what_cannot_be_is_said_in_a_line_before_anything_is_read(
    settings, tmp_path, changes, said, monkeypatch
) -> None:
    monkeypatch.setattr(readiness, "read_corpus", lambda *_, **__: pytest.fail("the recordings were read"))
    with pytest.raises(SettingsError, match=said):
        run(settings(**changes))
    assert not (tmp_path / "run").exists()


def test_a_run_of_another_command_is_not_gone_on_with(settings, corpus, tiny_checkpoint, cut_at) -> None:
    cut = settings()
    cut_at(2, cut)
    begun = FinetuneSettings(lang="it", data=(str(corpus),), model=str(tiny_checkpoint), resume=str(cut.output))
    with pytest.raises(SettingsError, match=r"is one of pretrain, not of finetune; go on with it: pretrain"):
        finetune(begun)


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_cache_that_is_a_file_is_refused_before_anything_is_read(settings, tmp_path, below, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(pretrain, "get_ready", lambda *_: pytest.fail("the recordings were read"))
    with pytest.raises(SettingsError, match=r"--cache .*/file is a file; allowed: a directory"):
        run(settings(cache=tmp_path / "file" / below))
    assert not (tmp_path / "run").exists()

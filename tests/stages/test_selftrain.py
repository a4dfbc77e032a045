"""Self-training from end to end: a teacher, labelled data and a pool in, a directory that stands alone out."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import datasets
import pytest
import torch
from safetensors.torch import load_file
from tiny import in_pair, save_tiny

from hf_speech_tl.errors import DataError, DiskError, RunError, SettingsError
from hf_speech_tl.publishing.hub import _contents
from hf_speech_tl.settings import EvaluateSettings, SelftrainSettings, read_yaml, write_yaml
from hf_speech_tl.stages import evaluation, selftrain, student
from hf_speech_tl.stages.judgement import Judgement
from hf_speech_tl.stages.runs.output import find_output
from hf_speech_tl.stages.selftrain import run
from hf_speech_tl.training import SpeechTrainer, Transcription
from hf_speech_tl.training.average import WeightAverage

_POOL = 6  # recordings

Settings = Callable[..., SelftrainSettings]


@pytest.fixture
def asked(corpus: Path, pool: Path, complete: tuple[dict[str, object], Path], tmp_path: Path) -> Settings:
    """Settings of a short quiet self-training by the model of `complete`; what differs is given by name."""

    def make(**changes: object) -> SelftrainSettings:
        plain: dict[str, object] = dict(
            lang="it",
            data=(str(corpus),),
            unlabelled=(str(pool),),
            model=str(complete[1]),
            length_ratio=1e5,
            keep=1.0,
            rounds=2,
            max_steps=4,
            batch_seconds=3.0,
            precision="float32",
            output=tmp_path / "self",
            quiet=True,
        )
        return SelftrainSettings(**(plain | changes))

    return make


@pytest.fixture
def _always_better(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each student's validation CER is a hundredth of the truth lower than that of the one before."""
    judged = student.judge
    found: list[float] = []

    def judge(*arguments: object, **named: object) -> Judgement:
        judgement = judged(*arguments, **named)  # type: ignore[arg-type]
        found.append(-1.0 - len(found))
        judgement.scores["cer"]["value"] = found[-1]
        return judgement

    monkeypatch.setattr(student, "judge", judge)


def _same_weights(one: Path, other: Path) -> bool:
    first, second = (load_file(directory / "model.safetensors") for directory in (one, other))
    return first.keys() == second.keys() and all(torch.equal(value, second[key]) for key, value in first.items())


def _table(directory: Path, number: int) -> list[dict[str, str]]:
    with (directory / "rounds" / str(number) / "pseudo_labels.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_directory_stands_alone_and_says_what_each_round_did(asked, _always_better, tmp_path, corpus) -> None:
    results = run(asked())
    told = results["selftraining"]
    assert told["best_round"] == 2 and [one["number"] for one in told["rounds"]] == [1, 2]
    assert told["rounds"][0]["rows_kept"] == _POOL and told["rounds"][0]["share_kept"] == 1
    assert told["teacher"] == "last" and told["rounds"][0]["weights"] == "checkpoint"
    assert results["data"]["rows"]["train"] == 8 + _POOL
    assert results["before"]["utterances"] == results["after"]["utterances"] == 8
    assert results["training"]["seconds"] == round(sum(one["seconds"] for one in told["rounds"]), 1)
    directory = tmp_path / "self"
    files = {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}
    model = {"model.safetensors", "config.json", "processor_config.json", "tokenizer_config.json", "vocab.json"}
    ours = {"README.md", "results.json", "run.yaml", "skipped.csv", "log.jsonl", "training.svg", "rounds/begun.json"}
    kept = {
        f"rounds/{number}/{name}" for number in (1, 2) for name in ("log.jsonl", "pseudo_labels.csv", "results.json")
    }
    assert files == model | ours | kept
    assert evaluation.run(EvaluateSettings(model=str(directory), data=(str(corpus),)))["after"] == results["after"]
    assert not [name for name in _contents(directory, "me/mine") if "round" in name or name.endswith(".csv")]
    card = (directory / "README.md").read_text("utf-8")
    assert "unlabelled" in card and "round 2" in card


def test_a_labelled_recording_in_the_pool_is_left_out_under_any_name(asked, tmp_path) -> None:
    run(asked(rounds=1))
    assert [row["id"] for row in _table(tmp_path / "self", 1)] == [f"clip{at}" for at in range(_POOL)]
    assert "another name,unlabelled,pool0/pool.parquet,in the labelled data too" in (
        tmp_path / "self" / "skipped.csv"
    ).read_text("utf-8")


def test_the_average_of_a_students_weights_is_the_model_where_it_is_no_worse(
    asked, _always_better, monkeypatch, tmp_path
) -> None:
    averages: list[WeightAverage] = []
    put = WeightAverage.put_into_model
    monkeypatch.setattr("hf_speech_tl.training.average._SPAN", 1.0)  # a tenth of four steps is none
    monkeypatch.setattr(Transcription, "evaluate", lambda *_: dict.fromkeys(("cer", "cer_low", "cer_high"), 0.5))
    monkeypatch.setattr(WeightAverage, "put_into_model", lambda self: averages.append(self) or put(self))
    results = run(asked(rounds=1, teacher="ema"))
    told = results["selftraining"]
    assert told["teacher"] == "ema" and told["best_round"] == 1
    assert (told["rounds"][0]["weights"], told["rounds"][0]["average_cer"]) == ("average", 0.5)
    assert results["training"]["best_step"] is None
    saved = load_file(tmp_path / "self" / "model.safetensors")
    kept = {name: one for name, one in averages[0].weights.items() if "masked_spec" not in name}  # for training only
    assert "lm_head.weight" in kept and all(torch.equal(saved[name], one) for name, one in kept.items())
    assert "average of its weights" in (tmp_path / "self" / "README.md").read_text("utf-8")


def test_under_fsdp_nothing_is_averaged(asked, monkeypatch) -> None:
    monkeypatch.setattr(selftrain, "is_sharded", lambda _: True)
    with pytest.raises(SettingsError, match=r"^--teacher ema: no process has all weights .* allowed with it: last"):
        run(asked(teacher="ema"))


def test_a_choice_of_teacher_is_no_place_that_would_be_lost(asked, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ema").mkdir()
    assert find_output(asked(teacher="ema", output=Path("ema"))).checkpoint is None


def test_a_student_that_cannot_be_is_told_as_such(asked) -> None:
    with pytest.raises(SettingsError, match=r"^--student \./nowhere: there is no such directory"):
        run(asked(student="./nowhere"))


def test_a_run_whose_beginning_is_damaged_does_not_go_on(asked, tmp_path) -> None:
    (tmp_path / "self" / "rounds").mkdir(parents=True)
    write_yaml(asked(), tmp_path / "self" / "run.yaml")
    (tmp_path / "self" / "rounds" / "begun.json").write_text('{"data": "a')
    with pytest.raises(RunError, match=r"begun\.json: is damaged .* begin anew with --overwrite"):
        run(asked(output=None, resume=str(tmp_path / "self")))


@pytest.mark.slow
def test_transcripts_of_the_pool_change_nothing_and_are_told(asked, pool, tmp_path) -> None:
    told = run(asked(output=tmp_path / "with"))
    (tmp_path / "pool0").mkdir()
    rows = datasets.Dataset.from_parquet(str(pool))
    rows.remove_columns(["text"]).to_parquet(str(tmp_path / "pool0" / pool.name))
    untold = run(asked(output=tmp_path / "without", unlabelled=(str(tmp_path / "pool0" / pool.name),)))
    assert _same_weights(tmp_path / "with", tmp_path / "without")
    assert any("7 of 7 recordings have transcripts" in note for note in told["data"]["notes"])
    assert not any("transcripts, which" in note for note in untold["data"]["notes"])


def test_a_student_that_is_no_better_ends_it_and_the_teacher_is_kept(asked, complete, monkeypatch, tmp_path) -> None:
    def lowest(path: Path, *_: object) -> dict[str, object]:
        path.parent.mkdir()
        return {"cer": {"value": -1.0}}

    monkeypatch.setattr(selftrain, "_first_scores", lowest)
    results = run(asked(student=str(save_tiny(tmp_path / "student", "hubert"))))
    assert results["selftraining"]["best_round"] == 0 and len(results["selftraining"]["rounds"]) == 1
    assert results["before"] == results["after"] == complete[0]["after"]
    told = ("family", "symbols", "multiply_adds_per_second")
    assert [results["model"][key] for key in told] == [complete[0]["model"][key] for key in told]
    theirs, ours = (load_file(directory / "model.safetensors") for directory in (complete[1], tmp_path / "self"))
    assert {*theirs} - {*ours} <= {"wav2vec2.masked_spec_embed"}  # of a model that masks nothing
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())


@pytest.mark.slow
def test_the_second_round_is_taught_by_the_first_student(asked, _always_better, monkeypatch, tmp_path) -> None:
    teachers, begun = [], []
    loaded, prepared = student.load_recogniser, student.prepare
    monkeypatch.setattr(student, "load_recogniser", lambda name: teachers.append(name) or loaded(name))

    def prepare(lesson, *rest, **named):
        return begun.append(lesson.model) or prepared(lesson, *rest, **named)

    monkeypatch.setattr(student, "prepare", prepare)
    # As of a teacher from the Hub; a later student begins as a directory of its own.
    monkeypatch.setattr(selftrain, "base_of", lambda *_, **__: "somebody/teacher")
    results = run(asked())
    first = str(tmp_path / "self" / "rounds" / "1")
    assert results["model"]["base_model"] == "somebody/teacher"
    assert teachers[2] == first == begun[1] and begun[0] == asked().model


@pytest.mark.slow
def test_the_loss_counts_labelled_rows_whole_and_others_by_confidence(asked, monkeypatch, tmp_path) -> None:
    trusted = []
    prepared = student.prepare

    def prepare(*given, **named):
        return trusted.append(given[2].trust.tolist()) or prepared(*given, **named)

    monkeypatch.setattr(student, "prepare", prepare)
    run(asked(rounds=1))
    run(asked(rounds=1, trust="alike", output=tmp_path / "alike"))
    sure = [float(row["confidence"]) for row in _table(tmp_path / "self", 1)]
    assert 0 < min(sure) < max(sure) < 1
    assert trusted[0][:8] == [1.0] * 8 and trusted[0][8:] == pytest.approx(sure, rel=1e-6) and trusted[1] == [1.0] * 14


def test_nothing_worth_learning_is_a_line_with_the_reasons(asked) -> None:
    with pytest.raises(DataError, match=r"round 1: nothing .* \(6 too many symbols a second\)"):
        run(asked(length_ratio=1.5))


def test_a_later_round_that_keeps_nothing_leaves_the_student_before_it(
    asked, _always_better, monkeypatch, tmp_path
) -> None:
    chosen = student.choose

    def choose(labels, settings, *rest):
        kept = chosen(labels, settings, *rest)
        first = not (tmp_path / "self" / "rounds" / "1" / "results.json").is_file()
        return kept if first else [dataclasses.replace(label, reason="not sure enough") for label in kept]

    monkeypatch.setattr(student, "choose", choose)
    results = run(asked(rounds=3))
    assert results["selftraining"]["best_round"] == 1 and len(results["selftraining"]["rounds"]) == 1
    assert (tmp_path / "self" / "model.safetensors").is_file()


def test_a_model_that_cannot_write_the_transcripts_is_no_teacher(asked, tmp_path) -> None:
    save_tiny(tmp_path / "other")
    vocabulary = tmp_path / "other" / "vocab.json"
    vocabulary.write_text(json.dumps({"[PAD]": 0, "|": 1, "е": 2, "ё": 3, "ж": 4, "з": 5}), "utf-8")
    with pytest.raises(SettingsError, match="cannot write 4 of the 6 symbols"):
        run(asked(model=str(tmp_path / "other")))


@pytest.mark.slow
def test_a_run_is_asked_for_again_by_its_run_yaml(asked, tmp_path) -> None:
    run(asked(rounds=1, max_steps=None, epochs=1.0))
    again = read_yaml(SelftrainSettings, tmp_path / "self" / "run.yaml")
    assert (again.epochs, again.units, again.student) == (None, "char", "teacher")
    run(dataclasses.replace(again, output=tmp_path / "again", quiet=True))
    assert _same_weights(tmp_path / "self", tmp_path / "again")


@pytest.mark.slow
@pytest.mark.parametrize("round_", [1, 2])
@pytest.mark.parametrize("step", [0, 3])
def test_a_killed_run_goes_on_and_ends_as_one_that_was_not(asked, _always_better, monkeypatch, tmp_path, round_, step):
    whole = run(asked(output=tmp_path / "whole"))
    cut = asked(output=tmp_path / "cut")
    trained = SpeechTrainer.training_step

    def train(self: SpeechTrainer, *arguments: object) -> object:
        if self.state.global_step == step and f"rounds/{round_}/" in str(self.args.output_dir):
            raise KeyboardInterrupt
        return trained(self, *arguments)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(SpeechTrainer, "training_step", train)
        run(cut)
    resumed = run(dataclasses.replace(cut, output=None, resume=str(tmp_path / "cut")))
    assert resumed["after"] == whole["after"] and _same_weights(tmp_path / "whole", tmp_path / "cut")
    assert _table(tmp_path / "whole", 2) == _table(tmp_path / "cut", 2)


def test_asked_to_stop_in_the_last_step_of_a_round_the_next_begins_when_the_run_goes_on(
    asked, _always_better, tmp_path, trained, asked_at_the_end
) -> None:
    asked_at_the_end("SIGINT", "1")
    with pytest.raises(KeyboardInterrupt, match=r"self$"):
        run(asked())
    assert trained == ["1"] and student.complete_round(tmp_path / "self" / "rounds" / "1")
    told = run(asked(output=None, resume=str(tmp_path / "self")))["selftraining"]
    assert trained == ["1", "2"] and [one["number"] for one in told["rounds"]] == [1, 2]


def test_a_disk_that_fills_up_within_a_round_names_the_directory_of_all_rounds(asked, tmp_path, full_at) -> None:
    full_at(2, "rounds")
    with pytest.raises(DiskError, match="step 2 could not be written") as caught:
        run(asked())
    assert caught.value.directory == str(tmp_path / "self")


@pytest.mark.slow
def test_a_run_killed_while_writing_down_goes_on_but_not_with_other_data(asked, monkeypatch, pool, tmp_path) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "own").mkdir()
    own = Path(shutil.copy(pool, tmp_path / "own"))
    cut = asked(unlabelled=(str(own),), rounds=1)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(student, "write_labels", stop)
        run(cut)
    going_on = dataclasses.replace(cut, output=None, resume=str(tmp_path / "self"))
    rows = datasets.Dataset.from_parquet(str(pool))
    rows.select(range(5)).to_parquet(str(own))
    with pytest.raises(SettingsError, match="not those that the run began with"):
        run(going_on)
    shutil.copy(pool, own)
    assert run(going_on)["selftraining"]["rounds"][0]["rows_kept"] == _POOL
    with pytest.raises(SettingsError, match="that run is complete"):
        run(going_on)


@pytest.mark.slow
def test_two_processes_learn_from_the_same_table(asked, tmp_path) -> None:
    write_yaml(asked(rounds=1), tmp_path / "settings.yaml")
    program = (
        "import json, sys\nfrom hf_speech_tl.settings import SelftrainSettings, read_yaml\n"
        "from hf_speech_tl.stages.selftrain import run\nfrom pathlib import Path\n"
        "directory = Path(sys.argv[2])\nimport dataclasses\n"
        "settings = read_yaml(SelftrainSettings, directory / 'settings.yaml')\n"
        "results = run(dataclasses.replace(settings, output=directory / 'both', quiet=True))\n"
        "assert bool(results) == (sys.argv[1] == '0')\n"
    )
    in_pair(program, tmp_path)
    results = json.loads((tmp_path / "both" / "results.json").read_text("utf-8"))
    alone = run(asked(rounds=1))
    assert _table(tmp_path / "both", 1) == _table(tmp_path / "self", 1)
    assert results["training"]["steps"] == 4 and results["before"] == alone["before"]

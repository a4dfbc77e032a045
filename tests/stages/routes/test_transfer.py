"""Stages in a row: each a directory that stands alone, done once, gone on with after a kill, never lost unasked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import datasets
import pytest
from accelerate import PartialState
from tiny import tiny_rows
from transformers import AutoModelForCTC, pipeline

from hf_speech_tl.errors import DataError, SettingsError
from hf_speech_tl.models import read_config
from hf_speech_tl.settings import (
    FinetuneSettings,
    PretrainSettings,
    Source,
    Stage,
    TransferSettings,
    lay_route,
    read_yaml,
    write_yaml,
)
from hf_speech_tl.stages import finetune, pretrain, student
from hf_speech_tl.stages.routes import transfer
from hf_speech_tl.stages.routes.ledger import check_claim
from hf_speech_tl.stages.routes.leg import Corpora
from hf_speech_tl.stages.routes.outlook import foresee
from hf_speech_tl.training import SpeechTrainer

Make = Callable[..., TransferSettings]


@pytest.fixture(scope="session")
def _whole(transfers_in: Callable[[Path], Make], tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("transfer") / "whole"
    transfer.run(transfers_in(directory)())
    return directory


@pytest.fixture
def whole(_whole: Path, tmp_path: Path) -> Path:
    """A copy of a finished transfer in the place of `asked`."""
    return Path(shutil.copytree(_whole, tmp_path / "whole"))


def same_weights(one: Path, other: Path) -> bool:
    return (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()


def test_each_stage_is_a_model_of_its_own_that_begins_with_the_one_before(whole: Path) -> None:
    assert sorted(path.name for path in whole.iterdir()) == [
        *("1-source", "2-target", "ledger.json", "results.json", "run.yaml")
    ]
    for stage in ("1-source", "2-target"):
        pipeline("automatic-speech-recognition", model=str(whole / stage))
        assert json.loads((whole / stage / "results.json").read_text())["after"]["utterances"]
    source, target = (json.loads((whole / stage / "results.json").read_text()) for stage in ("1-source", "2-target"))
    assert source["lang"] == "mul" and source["language"]["units"] == "romanized"
    assert source["training"]["temperature"] == 2.0 and set(source["data"]["languages"]) == {"es", "pt"}
    assert (target["lang"], target["language"]["units"], target["model"]["name"]) == ("it", "char", "1-source")
    results = json.loads((whole / "results.json").read_text())
    assert [stage["name"] for stage in results["stages"]] == ["source", "target"]
    assert results["after"] == target["after"] and results["command"].startswith("hf-speech-tl transfer --source es=")


def test_what_is_complete_is_not_repeated(whole: Path, asked: Make, trained: list[str]) -> None:
    assert "labelled" not in (whole / "ledger.json").read_text()  # nor is it in those of before there was such a key
    transfer.run(asked())
    assert trained == []


def test_a_transfer_may_be_moved(whole: Path, asked: Make, trained: list[str], tmp_path: Path) -> None:
    shutil.move(whole, tmp_path / "moved")
    transfer.run(asked(output=tmp_path / "moved"))
    assert trained == []


def test_another_setting_of_a_stage_is_told_and_makes_it_anew_only_when_asked(
    whole: Path, asked: Make, trained: list[str]
) -> None:
    other = asked(stages=(Stage("source"), Stage("target", {"max_steps": 2})))
    with pytest.raises(SettingsError, match=r"2-target: holds a run .* \(--max-steps 3 there, 2 here\)"):
        transfer.run(other)
    transfer.run(replace(other, overwrite=True))
    assert trained == ["2-target"]


def test_a_stage_of_before_runs_ended_early_is_gone_on_with_where_none_may(
    whole: Path, asked: Make, trained: list[str]
) -> None:
    ledger = json.loads((whole / "ledger.json").read_text())
    for entry in ledger.values():
        del entry["settings"]["patience"]
    (whole / "ledger.json").write_text(json.dumps(ledger))
    with pytest.raises(SettingsError, match=r"1-source: holds a run .* \(--patience none there, 3 here\)"):
        transfer.run(asked())
    transfer.run(asked(stages=tuple(Stage(name, {"patience": None}) for name in ("source", "target"))))
    assert trained == []


def test_what_goes_on_may_make_anew_what_is_of_other_inputs(whole: Path, asked: Make, trained: list[str]) -> None:
    other = asked(stages=(Stage("source"), Stage("target", {"max_steps": 2})), output=None, resume=str(whole))
    with pytest.raises(SettingsError, match=r"2-target: holds a run .* Add --overwrite"):
        transfer.run(other)
    transfer.run(replace(other, overwrite=True))
    assert trained == ["2-target"]


def test_an_encoder_of_ours_has_nothing_to_forget(
    asked: Make, corpus: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    shape = str(tiny_checkpoint / "config.json")
    encoder = PretrainSettings(
        data=(str(corpus),), config=shape, objective="masked", max_steps=1, output=tmp_path / "encoder", quiet=True
    )
    pretrain.run(encoder)
    results = transfer.run(asked(model=str(tmp_path / "encoder"), stages=(Stage("target"),)))
    assert results["forgetting"] is None and (tmp_path / "whole" / "results.json").is_file()


def test_a_stage_behind_one_that_is_not_done_is_said_to_be_complete_with_an_if(
    whole: Path, asked: Make, trained: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (whole / "1-source" / "results.json").unlink()
    transfer.run(asked(quiet=False))
    assert "complete, if what it begins with comes out as it was" in " ".join(capsys.readouterr().err.split())
    assert trained == ["1-source"]


def test_what_stages_were_worth_stays_while_they_are_the_same(whole: Path, asked: Make, trained: list[str]) -> None:
    cer = {"gain": 0.1, "low": 0.0, "high": 0.2, "p_value": 0.01}
    ablation = {"seeds": [0, 1], "direct": {"gain": {"cer": cer}}}
    path = whole / "results.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"ablation": ablation}))
    results = transfer.run(asked())
    assert trained == [] and results["ablation"] == ablation
    assert [row["gain"] for row in results["stages"]] == [0.1, None] and results["stages"][0]["p_value"] == 0.01
    assert json.loads(path.read_text())["ablation"] == ablation  # and so it does the time after
    assert transfer.run(asked())["ablation"] == ablation
    other = asked(stages=(Stage("source"), Stage("target", {"max_steps": 2})), overwrite=True)
    assert "ablation" not in transfer.run(other) and trained == ["2-target"]


def test_results_of_other_stages_are_not_lost_unasked(
    whole: Path, asked: Make, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = (whole / "results.json").read_bytes()
    other = asked(stages=(Stage("target"),))
    with pytest.raises(SettingsError, match=r"whole: its results\.json tells of the stages 1-source, 2-target, which"):
        transfer.run(other)
    assert (whole / "results.json").read_bytes() == told and read_yaml(TransferSettings, whole / "run.yaml") == asked()
    more = asked(stages=(*asked().stages, Stage("selftrain")), unlabelled=("more",))
    check_claim(more)  # tells of these stages too
    (whole / "results.json").write_text(json.dumps(json.loads(told) | {"ablation": {}}))
    with pytest.raises(SettingsError, match=r"2-target, and what each was worth, which would be lost\. .* --overwrite"):
        check_claim(more)

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(transfer, "follow", stop)
        transfer.run(replace(other, overwrite=True))
    results = transfer.run(asked(stages=(Stage("target"),), output=None, resume=str(whole)))  # as it was told
    assert trained == ["1-target"] and [row["directory"] for row in results["stages"]] == ["1-target"]
    assert (whole / "2-target" / "model.safetensors").is_file()


def test_other_recordings_or_another_model_are_other_inputs(whole: Path, asked: Make, corpus: Path, tmp_path) -> None:
    fewer = Path(shutil.copytree(corpus, tmp_path / "fewer"))
    (fewer / "validation.parquet").unlink()
    with pytest.raises(SettingsError, match=r"2-target: .*other recordings"):
        transfer.run(asked(target=(Source(str(fewer), lang="it"),)))
    model = AutoModelForCTC.from_pretrained(asked().model)
    model.lm_head.bias.data += 1
    other = Path(shutil.copytree(asked().model, tmp_path / "other"))
    model.save_pretrained(other)
    with pytest.raises(SettingsError, match=r"1-source: .*another model"):
        transfer.run(asked(model=str(other)))


@pytest.mark.parametrize(
    ("name", "said"),
    [("model.safetensors", "1-source: .*not whole: its model.safetensors was cut short"), ("results.json", "results")],
)
def test_a_damaged_stage_is_told_before_any_begins_and_made_anew_when_asked(
    name: str, said: str, whole: Path, asked: Make, trained: list[str]
) -> None:
    path = whole / "1-source" / name
    path.write_bytes(path.read_bytes()[:-90])
    with pytest.raises(SettingsError, match=f"{said}.* --overwrite to make the run anew"):
        transfer.run(asked())
    transfer.run(asked(overwrite=True))
    assert trained == ["1-source"]  # with the same weights, on which the second stage stands


def test_a_stage_is_not_made_anew_of_its_own_model(whole: Path, asked: Make) -> None:
    there = {path: path.read_bytes() for path in whole.rglob("*") if path.is_file() and path.name != "run.yaml"}
    with pytest.raises(SettingsError, match=r"1-source: holds --model .*, which would be lost"):
        transfer.run(asked(model=str(whole / "1-source"), overwrite=True))
    assert all(path.read_bytes() == content for path, content in there.items())


def test_a_stage_that_will_have_nothing_to_be_judged_by_is_told_before_the_first(
    asked: Make, corpus: Path, tmp_path: Path, trained: list[str]
) -> None:
    rows = datasets.Dataset.from_parquet(str(corpus / "train.parquet"), cache_dir=str(tmp_path / "cache"))
    (tmp_path / "one").mkdir()
    rows.select([0]).to_parquet(str(tmp_path / "one" / "train.parquet"))
    with pytest.raises(DataError, match="stage target: of one no recording is left for validation"):
        transfer.run(asked(target=(Source(str(tmp_path / "one"), lang="it"),)))
    assert trained == [] and not Path(str(asked().output)).exists()


def test_recordings_that_are_all_too_long_for_a_later_stage_are_told_before_the_first(
    asked: Make, trained: list[str]
) -> None:
    with pytest.raises(DataError, match=r"stage target: .* for training is short enough: the shortest has"):
        transfer.run(asked(stages=(Stage("source"), Stage("target", {"max_seconds": 0.1}))))
    assert trained == [] and not Path(str(asked().output)).exists()


def test_random_weights_have_forgotten_nothing(asked: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(transfer, "measure_forgetting", lambda *_: pytest.fail("measured"))
    settings = asked(model="starter", from_scratch=True, stages=(Stage("target"),))
    assert transfer._forgetting(settings, []) is None


@pytest.mark.parametrize("option", ["source", "target"])
def test_recordings_that_cannot_be_used_are_told_by_the_option_that_named_them(
    asked: Make, corpus: Path, tmp_path: Path, option: str
) -> None:
    (tmp_path / "wordless").mkdir()
    rows = tiny_rows((0.7, 0.8, 0.9), ("?", "?", "?"), seed=9).remove_columns(["transcript", "source", "lang"])
    rows.to_parquet(str(tmp_path / "wordless" / "train.parquet"))
    with pytest.raises(DataError, match=f"^--{option} wordless: none of its training"):
        transfer.run(asked(**{option: (Source(str(corpus), lang="it"), Source(str(tmp_path / "wordless"), lang="it"))}))


def test_a_misspelt_model_or_place_is_told_before_recordings_are_read(
    asked: Make, complete: tuple[object, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "survey", lambda *_, **__: pytest.fail("recordings were read"))
    with pytest.raises(SettingsError, match="no such directory"):
        transfer.run(asked(model="./nowhere"))
    with pytest.raises(SettingsError, match="not a transfer of ours"):
        transfer.run(asked(model="auto", output=complete[1]))


def test_stopped_while_it_compares_it_says_where_it_goes_on(
    whole: Path, asked: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(transfer, "measure_forgetting", stop)
    with pytest.raises(KeyboardInterrupt, match="whole"):
        transfer.run(asked())


def test_another_command_does_not_overwrite_a_transfer(whole: Path, settings: Callable[..., FinetuneSettings]) -> None:
    for overwrite in (True, False):
        with pytest.raises(SettingsError, match=r"holds a transfer, which would be lost .* Name another"):
            finetune.run(settings(output=whole, overwrite=overwrite))
    assert (whole / "results.json").is_file()


def test_what_is_not_ours_is_left_alone(asked: Make) -> None:
    place = Path(str(asked().output))
    (place / "1-source").mkdir(parents=True)
    write_yaml(asked(), place / "run.yaml")
    (place / "1-source" / "thesis.txt").write_text("mine")
    with pytest.raises(SettingsError, match="not a run of ours"):
        transfer.run(asked(overwrite=True))
    (place / "1-source" / "thesis.txt").rename(place / "thesis.txt")
    (place / "run.yaml").unlink()
    with pytest.raises(SettingsError, match="not a transfer of ours"):
        transfer.run(asked(overwrite=True))
    assert [path.name for path in place.iterdir() if path.is_file()] == ["thesis.txt"]


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["1-pretrain", "2-source", "3-target"])
def test_killed_in_any_stage_it_ends_with_the_same_weights(
    stage: str, asked: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: list[str], _three: Path
) -> None:
    settings = asked(stages=_THREE, output=tmp_path / "cut", max_steps=16)
    step = SpeechTrainer.training_step

    def killed(self: SpeechTrainer, *arguments: object) -> object:
        if self.state.global_step == 9 and stage in str(self.args.output_dir):
            raise KeyboardInterrupt
        return step(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(SpeechTrainer, "training_step", killed)
        with pytest.raises(KeyboardInterrupt, match="cut"):
            transfer.run(settings)
    begun = list(trained)
    transfer.run(settings)
    assert begun[-1] == stage and trained[len(begun)] == stage
    for name in ("1-pretrain", "2-source", "3-target"):
        assert same_weights(tmp_path / "cut" / name, _three / name)
    resumed = json.loads((tmp_path / "cut" / stage / "results.json").read_text())["training"]["resumed_at_step"]
    assert resumed and resumed <= 9


# At the usual rate so few steps collapse.
_THREE = (Stage("pretrain", {"learning_rate": 1e-3}), Stage("source"), Stage("target"))


@pytest.fixture(scope="session")
def _three(transfers_in: Callable[[Path], Make], tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("three") / "whole"
    transfer.run(transfers_in(directory)(stages=_THREE, max_steps=16))
    return directory


def test_asked_to_stop_in_the_last_step_of_a_stage_the_next_is_left_to_the_same_command(
    _whole: Path, asked: Make, tmp_path: Path, trained: list[str], asked_at_the_end: Callable[[str, str], None]
) -> None:
    asked_at_the_end("SIGTERM", "1-source")
    with pytest.raises(KeyboardInterrupt, match=r"whole$"):
        transfer.run(asked())
    assert trained == ["1-source"] and same_weights(tmp_path / "whole" / "1-source", _whole / "1-source")
    transfer.run(asked())
    assert trained == ["1-source", "2-target"]


def test_run_yaml_repeats_it(whole: Path, asked: Make) -> None:
    assert read_yaml(TransferSettings, whole / "run.yaml") == asked()
    assert [leg.directory for leg in lay_route(asked())] == [whole / "1-source", whole / "2-target"]


@pytest.mark.slow
@pytest.mark.parametrize("units", ["char", "romanized"])
def test_what_is_mixed_in_trains_alone_and_forgetting_is_a_number(
    units: str, asked: Make, elsewhere: Path, tmp_path: Path
) -> None:
    settings = asked(source=(Source(str(elsewhere), lang="es"),), units=units, mix=0.25, output=tmp_path / "mixed")
    results = transfer.run(settings)
    data = json.loads((tmp_path / "mixed" / "2-target" / "results.json").read_text())["data"]
    assert data["rows"] == {"train": 16, "validation": 8, "test": 8}
    assert data["languages"]["es"]["share"] == pytest.approx(0.25, abs=0.01)
    forgetting = results["forgetting"]
    assert forgetting["units"] == "romanized" and forgetting["before"]["utterances"] == 8
    source = json.loads((tmp_path / "mixed" / "1-source" / "results.json").read_text())
    assert any("of the training, romanized, and" in note for note in data["notes"]) == (units == "char")
    assert forgetting["before"]["cer"] == source["after"]["cer"]
    lost = forgetting["after"]["cer"]["value"] - forgetting["before"]["cer"]["value"]
    assert forgetting["forgotten"]["cer"]["gain"] == pytest.approx(lost)


@pytest.mark.slow
def test_selftraining_goes_on_from_the_target_after_a_kill_too(
    asked: Make, pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"length_ratio": 1e5, "keep": 1, "rounds": 1}
    settings = asked(
        source=None,
        unlabelled=(str(pool),),
        units="romanized",
        stages=(Stage("target", {"head": "fresh"}), Stage("selftrain", own)),
    )
    written = student.write_labels

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(student, "write_labels", killed)
    with pytest.raises(KeyboardInterrupt, match="whole"):
        transfer.run(settings)
    monkeypatch.setattr(student, "write_labels", written)
    results = transfer.run(settings)
    assert [stage["name"] for stage in results["stages"]] == ["target", "selftrain"]
    last = json.loads((tmp_path / "whole" / "2-selftrain" / "results.json").read_text("utf-8"))
    assert results["after"] == last["after"] and last["selftraining"]["rounds"][0]["rows_kept"] == 6
    target = json.loads((tmp_path / "whole" / "1-target" / "results.json").read_text("utf-8"))
    assert last["before"] == target["after"] and last["language"]["units"] == "romanized"
    monkeypatch.setattr(student, "train_student", killed)
    assert transfer.run(settings)["stages"] == results["stages"]
    fewer = datasets.Dataset.from_parquet(str(pool), cache_dir=str(tmp_path / "cache")).select(range(4))
    fewer.to_parquet(str(tmp_path / "pool.parquet"))
    with pytest.raises(SettingsError, match=r"2-selftrain: .*other recordings"):
        transfer.run(replace(settings, unlabelled=(str(tmp_path / "pool.parquet"),)))


@pytest.fixture
def elsewhere(corpus: Path, tmp_path: Path) -> Path:
    """The same clips by other names, so that they are no duplicates."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for path in corpus.glob("*.parquet"):
        rows = datasets.Dataset.from_parquet(str(path), cache_dir=str(tmp_path / "cache"))
        rows.map(lambda row: {"id": f"other-{row['id']}"}).to_parquet(str(folder / path.name))
    return folder


def test_the_plan_says_what_each_stage_takes_before_any_is_begun(
    asked: Make, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(transfer, "follow", stop)
    own = Stage("target", {"tuning": "lora", "max_minutes": 5, "max_steps": "none"})
    with pytest.raises(KeyboardInterrupt):
        transfer.run(asked(stages=(*_THREE[:2], own), quiet=False, ablate=True, seeds=2))
    said = " ".join(capfd.readouterr().err.split())
    assert "1-pretrain corpus0: 7 s of training recordings; 3 steps of 3 s, of which the time" in said
    assert "3-target corpus0: 7 s of training recordings; 5 min of training; about" in said
    assert "of memory at most" in said and "of disk while it trains" in said
    ways = "without pretrain, without source, direct"
    assert f"ablation then {ways}: each may train as long as all stages together" in said
    assert "8 times the training" in said


@pytest.mark.slow
def test_what_was_foreseen_of_memory_and_disk_is_what_the_stage_itself_plans(
    asked: Make, corpus: Path, tiny_checkpoint: Path
) -> None:
    settings = asked(stages=_THREE[2:])
    (leg,) = lay_route(settings)
    corpus, config = Corpora(quiet=True).of(leg), read_config(str(tiny_checkpoint))
    told = foresee(leg, corpus, None, config, PartialState(), fresh=False)
    transfer.run(settings)
    results = json.loads((leg.directory / "results.json").read_text())
    assert told.kept == pytest.approx(4 * results["model"]["parameters"], rel=0.01)
    assert told.memory == pytest.approx(1e6 * results["training"]["peak_memory_mb_estimated"], rel=0.5)

"""The settings of a transfer: stages with settings of their own, and the runs that they come to."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings import (
    FinetuneSettings,
    PretrainSettings,
    SelftrainSettings,
    Source,
    Stage,
    TransferSettings,
    lay_route,
    parse,
    read_yaml,
    write_yaml,
)
from hf_speech_tl.settings.route import _KINDS, last_stage
from hf_speech_tl.settings.stage import STAGES

_PLAIN = ("--source", "es=a", "--source", "it=b", "--target", "pl=c")


def asked(*more: str) -> TransferSettings:
    return parse(TransferSettings, [*_PLAIN, *more])


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_stages_hand_their_models_on() -> None:
    pretrain, source, target = (
        leg.settings for leg in lay_route(asked("--unlabelled", "d", "--stages", "pretrain,source,target"))
    )
    assert isinstance(pretrain, PretrainSettings) and pretrain.objective == "masked"
    assert (pretrain.model, pretrain.data, pretrain.lang) == ("auto", ("c", Source("d", labelled=False)), "pl")
    assert isinstance(source, FinetuneSettings) and isinstance(target, FinetuneSettings)
    assert (source.lang, source.units, source.temperature) == ("mul", "romanized", 2.0)
    assert source.data == (Source("a", lang="es"), Source("b", lang="it")) and source.model == str(pretrain.output)
    assert (target.lang, target.units, target.temperature, target.data) == ("pl", "char", 1.0, ("c",))
    assert target.model == str(source.output) == "runs/es-it-to-pl-auto/2-source"


def test_selftraining_takes_the_target_as_the_stage_before_it_took_it() -> None:
    settings = TransferSettings(
        target=(Source("c", lang="pl"),),
        unlabelled=("d", Source("e", lang="cs")),
        stages=(Stage("target", {"units": "romanized", "max_steps": 5}), Stage("selftrain", {"teacher": "ema"})),
        max_minutes=3,
    )
    target, selftrain = (leg.settings for leg in lay_route(settings))
    assert isinstance(selftrain, SelftrainSettings)
    assert (selftrain.lang, selftrain.data, selftrain.unlabelled) == ("pl", ("c",), ("d", Source("e", lang="cs")))
    assert (selftrain.units, selftrain.teacher, selftrain.max_minutes) == ("romanized", "ema", 3.0)
    assert (selftrain.max_steps, selftrain.model) == (None, str(target.output))


def test_one_source_language_is_a_model_of_that_language() -> None:
    settings = parse(TransferSettings, ["--source", "es=a", "--source", "es=b", "--target", "pl=c"])
    source = lay_route(settings)[0].settings
    assert (source.lang, source.data, source.temperature) == ("es", ("a", "b"), 1.0)


def test_what_begins_without_weights_says_so_in_either_command() -> None:
    fresh = ("--model", "starter", "--from-scratch")
    source, target = (leg.settings for leg in lay_route(asked(*fresh)))
    assert isinstance(source, FinetuneSettings) and source.from_scratch
    assert isinstance(target, FinetuneSettings) and not target.from_scratch
    pretrain = lay_route(asked(*fresh, "--stages", "pretrain,target"))[0].settings
    assert isinstance(pretrain, PretrainSettings) and (pretrain.model, pretrain.config) == (None, "starter")


def test_settings_of_the_target_are_not_those_of_the_source() -> None:
    rates = ("--head-steps", "5", "--learning-rate", "1e-4", "--head-learning-rate", "1e-3", "--max-steps", "9")
    source, target = (leg.settings for leg in lay_route(asked(*rates)))
    assert isinstance(source, FinetuneSettings) and isinstance(target, FinetuneSettings)
    assert (source.head_steps, source.learning_rate, source.max_steps) == (0, None, 9)
    assert (target.head_steps, target.learning_rate, target.head_learning_rate) == (5, 1e-4, 1e-3)


def test_head_and_tier_are_of_the_target() -> None:
    options = ("--unlabelled", "d", "--stages", "pretrain,source,target,selftrain", "--head", "fresh", "--tier", "tx@*")
    pretrain, source, target, selftrain = (leg.settings for leg in lay_route(asked(*options)))
    assert isinstance(source, FinetuneSettings) and isinstance(target, FinetuneSettings)
    assert isinstance(pretrain, PretrainSettings) and isinstance(selftrain, SelftrainSettings)
    assert (source.head, target.head) == ("transfer", "fresh")
    assert (pretrain.tier, source.tier, target.tier, selftrain.tier) == ("tx@*", None, "tx@*", "tx@*")


def test_a_stages_own_tier_goes_before_that_of_all() -> None:
    own = (Stage("target", {"tier": "ref@A"}), Stage("selftrain"))
    route = lay_route(TransferSettings(target=(Source("c", lang="pl"),), tier="tx@*", stages=own, unlabelled=("d",)))
    assert [leg.settings.tier for leg in route] == ["ref@A", "ref@A"]


def test_a_stage_has_settings_of_its_own_in_a_file_and_keeps_them_beside_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(
        "source: {source: a, lang: ru}\n"
        "target: {source: b, lang: it}\n"
        "max_minutes: 3\n"
        "stages:\n"
        "  source: {max_minutes: 20, augment: [mask, speed]}\n"
        "  target: {head_steps: 7}\n"
    )
    settings = parse(TransferSettings, [str(file), "--seed", "4"])
    source, target = (leg.settings for leg in lay_route(settings))
    assert (source.max_minutes, target.max_minutes, target.seed) == (20.0, 3.0, 4)
    assert isinstance(target, FinetuneSettings) and target.head_steps == 7
    write_yaml(settings, tmp_path / "again.yaml")
    assert read_yaml(TransferSettings, tmp_path / "again.yaml") == settings
    assert settings.command_line() == "hf-speech-tl transfer run.yaml"
    alone = parse(TransferSettings, [str(file), "--stages", "target", "--model", "m"])
    assert alone.stages == (Stage("target", {"head_steps": 7}),)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--target", "c"], "--target c: which language it is in is not said; allowed: LANG=SOURCE; write it=c"),
        (["--target", "pl=c"], "--source is missing: .*--stages target"),
        ([*_PLAIN, "--target", "it=d"], "--target: in it and pl; allowed: recordings in one language"),
        ([*_PLAIN, "--stages", "target,source"], "--stages target,source: allowed: .*write --stages source,target"),
        ([*_PLAIN, "--stages", "source"], "write --stages source,target"),
        ([*_PLAIN, "--stages", "none"], "--stages none: allowed: target"),
        ([*_PLAIN, "--stages", "tagret"], "'tagret' is no stage; .*did you mean target?"),
        ([*_PLAIN, "--unlabelled", "d"], "--unlabelled d: no stage hears it.*--stages pretrain,source,target"),
        ([*_PLAIN, "--stages", "target,selftrain"], "--unlabelled is missing: the stage `selftrain`.*--stages target"),
        ([*_PLAIN, "--stages", "selftrain,target"], "after it selftrain, .*write --stages target,selftrain"),
        (
            ["--target", "pl=c", "--stages", "target,selftrain", "--unlabelled", "pl=./c"],
            "--unlabelled ./c: is --target too, .* other recordings",
        ),
        ([*_PLAIN, "--recommend", "--ablate"], "--recommend --ablate: is not looked at"),
        (
            [*_PLAIN, "--recommend", "--model", "starter", "--max-minutes", "20", "--seed", "3", "--quiet"],
            "--recommend --model --max-minutes: .* and with --max-steps N, .* --model and --output; drop the others",
        ),
        (["--target", "pl=c", "--stages", "target", "--ablate"], "--ablate: there is but one stage"),
        (["--target", "pl=c", "--stages", "target", "--mix", "0.1"], "--mix 0.1: there is nothing to mix in"),
        ([*_PLAIN, "--seeds", "2"], "--seeds 2: .* allowed with it"),
        (
            [*_PLAIN, "--ablate", "--seeds", "2", "--seed", str(2**32 - 1)],
            f"--seed {2**32 - 1} --seeds 2: the last .* would be {2**32}; allowed: below {2**32}",
        ),
        ([*_PLAIN, "--max-minutes", "1e300"], "--max-minutes: '1e300' cannot be; allowed: .* below 1000000"),
        ([*_PLAIN, "--resume", "nowhere"], "--resume: no directory nowhere"),
    ],
)
def test_what_cannot_be_is_told(arguments: list[str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse(TransferSettings, arguments)


def test_a_stage_that_a_file_has_twice_is_told_and_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "twice.yaml").write_text("stages:\n  source: {max_steps: 1}\n  target:\n  source: {max_steps: 2}\n")
    with pytest.raises(SettingsError, match=r"twice\.yaml, line 4: is not YAML \(source is there twice\)"):
        parse(TransferSettings, ["twice.yaml", *_PLAIN])


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"max_step": 3}, "stages: target: max_step cannot be set .* did you mean max_steps?"),
        ({"lang": "it"}, "stages: target: lang cannot be set for a stage"),
        ({"seeds": 3}, "stages: target: seeds cannot be set for a stage"),
        ({"seed": 3}, "stages: target: seed cannot be set for a stage"),
        ({"max_steps": "many"}, "stages: target: max_steps: 'many' cannot be"),
        ({"head_steps": 9, "max_steps": 9}, "stage target: --head-steps 9 --max-steps 9"),
    ],
)
def test_settings_that_a_stage_cannot_have_are_told(own: dict[str, object], said: str) -> None:
    settings = TransferSettings(
        source=(Source("a", lang="es"),),
        target=(Source("c", lang="pl"),),
        stages=(Stage("source"), Stage("target", own)),
    )
    with pytest.raises(SettingsError, match=said):
        lay_route(settings)


def test_the_share_that_is_mixed_in_is_divided_among_the_sources() -> None:
    source, target = (leg.settings for leg in lay_route(asked("--mix", "0.3")))
    assert not any(isinstance(one, Source) and one.mix for one in source.data)
    mixed = [Source(name, lang=tag, mix=0.15, units="romanized") for name, tag in (("a", "es"), ("b", "it"))]
    assert target.data == ("c", *mixed)
    *_, alike = (leg.settings for leg in lay_route(asked("--mix", "0.3", "--units", "romanized")))
    assert alike.data == ("c", *(replace(source, units=None) for source in mixed))


def test_every_stage_is_a_command() -> None:
    assert tuple(_KINDS) == STAGES


def test_the_first_example_makes_the_directory_that_the_last_goes_on_in() -> None:
    first, *_, last = TransferSettings.examples
    assert last.endswith(f"--resume {parse(TransferSettings, shlex.split(first)).output}")


def test_the_last_stage_is_the_one_that_was_told_of(tmp_path: Path) -> None:
    assert last_stage(tmp_path / "nowhere") is None
    for name in ("1-target", "2-target", "3-selftrain", "direct/4-target"):
        (tmp_path / name).mkdir(parents=True)
        if name != "3-selftrain":  # which is not complete
            (tmp_path / name / "results.json").touch()
    assert last_stage(tmp_path) == tmp_path / "2-target"
    for told, last in (("1-target", "1-target"), ("../elsewhere", "2-target")):
        (tmp_path / "results.json").write_text(json.dumps({"stages": [{"directory": told}]}))
        assert last_stage(tmp_path) == tmp_path / last
    (tmp_path / "results.json").write_text('{"stages": []}')
    assert last_stage(tmp_path) == tmp_path / "2-target"

"""What each stage was worth: routes of equal length, what they share, and gains that are paired."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from hf_speech_tl.errors import DataError, RunError
from hf_speech_tl.scoring import Scores
from hf_speech_tl.settings import FinetuneSettings, Source, Stage, TransferSettings, lay_route
from hf_speech_tl.stages.judgement import Judgement
from hf_speech_tl.stages.routes import ablation, transfer
from hf_speech_tl.stages.routes.ablation import Routes, Shortcut, compare_routes, find_shortcuts, gains, lay_shortcut
from hf_speech_tl.stages.routes.leg import Done

Make = Callable[..., TransferSettings]
_THREE = tuple(map(Stage, ("pretrain", "source", "target")))


class Rows(dict[str, Any]):
    """Columns, as long as rows are many."""

    def __len__(self) -> int:
        return len(self["speaker"])


def _done(settings: TransferSettings, evaluating: float = 0.0, planned: int | None = None) -> list[Done]:
    """As if stages had taken 10, 20 and 30 s, with 100 steps each, of `planned` ones where they ended early, and of
    them so long to validate."""
    legs = lay_route(settings)
    told = {"evaluation_seconds": evaluating, "steps": 100, "precision": "bfloat16"}
    told["ended_early"] = {"planned": planned} if planned else None
    return [Done(leg, {"training": {"seconds": 10.0 * at, **told}}) for at, leg in enumerate(legs, 1)]


def test_each_stage_but_the_target_is_left_out_and_then_all() -> None:
    assert [way.name for way in find_shortcuts(_THREE)] == ["without-pretrain", "without-source", "direct"]
    assert find_shortcuts(_THREE[1:]) == (Shortcut("direct", ("source",)),)


@pytest.mark.parametrize(
    ("left_out", "steps"), [(("pretrain",), 133), (("source",), 167), (("pretrain", "source"), 200)]
)
def test_steps_are_added_by_the_seconds_that_are_spared(asked: Make, left_out: tuple[str, ...], steps: int) -> None:
    settings = asked(stages=_THREE)
    *_, target = lay_shortcut(settings, Shortcut("way", left_out), _done(settings))
    assert target.settings.max_steps == steps and target.settings.max_minutes is None


def test_validation_does_not_grow_with_the_steps(asked: Make) -> None:
    settings = asked(stages=_THREE)
    (target,) = lay_shortcut(settings, Shortcut("direct", ("pretrain", "source")), _done(settings, evaluating=5.0))
    assert (target.settings.max_steps, target.settings.precision) == (220, "bfloat16")
    # Of 0.25 s each, and 5 s of validation: 60 s, as all stages together.


def test_a_target_that_ended_early_left_out_validations_for_which_another_is_given_no_steps(asked: Make) -> None:
    settings, spared = asked(stages=_THREE), Shortcut("direct", ("pretrain", "source"))
    (target,) = lay_shortcut(settings, spared, _done(settings, evaluating=5.0, planned=400))
    # A quarter of the validations took 5 s, so that three quarters take 15 of the 30 s that are spared.
    assert target.settings.max_steps == 160


def test_without_selftraining_the_target_is_trained_as_long_by_seconds(asked: Make) -> None:
    stages = (_THREE[1], Stage("target", {"max_minutes": 7}), Stage("selftrain"))
    settings = asked(stages=stages, unlabelled=("d",), max_minutes=5, max_steps=None)
    whole = _done(settings)
    assert [way.name for way in find_shortcuts(stages)] == ["without-source", "without-selftrain", "direct"]
    source, target = lay_shortcut(settings, Shortcut("without-selftrain", ("selftrain",)), whole)
    assert source == whole[0].leg and target.directory != whole[1].leg.directory
    assert (target.settings.max_minutes, target.settings.max_steps) == (None, 250)  # 30 s more than its 20
    target, selftrain = lay_shortcut(settings, Shortcut("without-source", ("source",)), whole)
    assert (target.settings.max_minutes, target.settings.max_steps) == (None, 150)
    assert selftrain.settings.model == str(target.directory)


def test_minutes_that_were_asked_for_are_not_measured_anew(asked: Make) -> None:
    settings = asked(stages=(_THREE[0], _THREE[1], Stage("target", {"max_minutes": 7})), max_minutes=5, max_steps=None)
    *_, target = lay_shortcut(settings, Shortcut("way", ("pretrain", "source")), _done(settings))
    assert (target.settings.max_minutes, target.settings.max_steps) == (None, 200)  # 30 s more than its 30


def test_stages_before_the_first_that_is_left_out_are_those_of_the_whole_route(asked: Make) -> None:
    settings = asked(stages=_THREE)
    whole = _done(settings)
    output = Path(str(settings.output))
    pretrain, target = lay_shortcut(settings, Shortcut("without-source", ("source",)), whole)
    assert pretrain == whole[0].leg
    assert (target.directory, target.settings.model) == (output / "without-source/2-target", str(pretrain.directory))
    source, target = lay_shortcut(settings, Shortcut("without-pretrain", ("pretrain",)), whole)
    assert source.directory == output / "without-pretrain/1-source" and source.settings.model == settings.model


def test_the_direct_route_from_random_weights_is_as_finetune_has_it(asked: Make) -> None:
    own = {"tuning": "lora", "dropout": 0.1, "head_steps": 2}
    settings = asked(
        stages=(Stage("source"), Stage("target", own)), model="starter", from_scratch=True, learning_rate=1e-5
    )
    (direct,) = lay_shortcut(settings, Shortcut("direct", ("source",)), _done(settings))
    assert isinstance(direct.settings, FinetuneSettings) and direct.settings.from_scratch
    assert (direct.settings.tuning, direct.settings.head_steps, direct.settings.learning_rate) == ("full", 0, None)
    assert direct.settings.dropout == 0.1
    lora = asked(stages=(_THREE[0], Stage("source", {"tuning": "lora"}), _THREE[2]), model="starter", from_scratch=True)
    source, _ = lay_shortcut(lora, Shortcut("without-pretrain", ("pretrain",)), _done(lora))
    assert isinstance(source.settings, FinetuneSettings) and source.settings.tuning == "full"
    (trained,) = lay_shortcut(asked(stages=settings.stages), Shortcut("direct", ("source",)), _done(settings))
    assert isinstance(trained.settings, FinetuneSettings) and trained.settings.tuning == "lora"


def test_what_one_seed_has_shown_is_not_lost_with_the_next(
    asked: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = asked(ablate=True, seeds=3)
    whole = [replace(one, results={**one.results, "after": None}) for one in _done(settings)]
    gain = {"cer": {"gain": 0.1, "low": 0.0, "high": 0.2, "p_value": 0.01}}

    def travel(_: object, __: object, arrived: Callable[[list[Done]], object]) -> Iterator[Routes]:
        arrived(whole)
        assert "ablation" not in json.loads((tmp_path / "whole" / "results.json").read_text())
        yield from [Routes(whole, {}), Routes(whole, {})]
        raise RunError("the disk is full")

    def compare(_: object, travelled: Sequence[Routes], judged: object) -> dict[str, object]:
        return {"seeds": list(range(len(travelled))), "direct": {"gain": gain}}

    monkeypatch.setattr(transfer, "travel", travel)
    monkeypatch.setattr(transfer, "compare_routes", compare)
    monkeypatch.setattr(transfer, "measure_forgetting", lambda *_: None)
    with pytest.raises(RunError, match="full"):
        transfer.run(settings)
    results = json.loads((tmp_path / "whole" / "results.json").read_text())
    assert results["ablation"]["seeds"] == [0, 1] and results["stages"][0]["gain"] == 0.1


def test_the_whole_route_is_told_of_before_any_other_is_gone(asked: Make) -> None:
    settings = asked(ablate=True, seeds=2)
    seen: list[str] = []

    def go(route: Sequence[Any]) -> list[Done]:
        seen.append(route[0].directory.parent.name)
        told = {"seconds": 10.0, "steps": 100, "precision": "float32"}
        return [Done(leg, {"training": told}) for leg in route]

    assert len(list(ablation.travel(settings, go, lambda whole: seen.append(f"{len(whole)} stages arrived")))) == 2
    assert seen == ["whole", "2 stages arrived", "direct", "seed-1", "direct"]


def test_all_routes_go_on_where_the_whole_was_stopped(asked: Make, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    settings = asked(ablate=True, seeds=2, output=None, resume=str(tmp_path / "whole"))

    def go(route: Sequence[Any]) -> list[Done]:
        return [Done(leg, {"training": {"seconds": 10.0, "steps": 100, "precision": "float32"}}) for leg in route]

    routes = list(ablation.travel(settings, go, len))
    places = [one.leg.directory.relative_to(tmp_path / "whole") for way in routes for one in way.shortcuts["direct"]]
    assert [str(place) for place in places] == ["direct/1-target", "seed-1/direct/1-target"]


def test_models_of_seeds_that_were_compared_before_are_not_judged_again(
    asked: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[str] = []

    def judge(_: str, place: str, __: object) -> Judgement:
        places.append(place)
        errors = 2 if "direct" in place else 1
        return Judgement(np.full((6, 4), (errors, 4, errors, 2)), True, cast("Scores", {}))

    monkeypatch.setattr(ablation, "judge_in", judge)
    monkeypatch.setattr(ablation, "read_test", lambda *_: Rows(speaker=[None] * 6))
    settings, known, travelled = asked(ablate=True, seeds=2), {}, []
    for seed in (0, 1):
        whole = _done(replace(settings, seed=seed, output=Path(str(settings.output)) / str(seed)))
        ways = {"direct": _done(asked(stages=(Stage("target"),), output=whole[0].leg.directory / "direct"))}
        travelled.append(Routes([replace(one, results={**one.results, "after": None}) for one in whole], ways))
        told: Any = compare_routes(settings, travelled, known)
        assert told["seeds"] == list(range(seed + 1)) and told["direct"]["gain"]["cer"]["gain"] == 0.25
    assert len(places) == len(set(places)) == 4


@pytest.mark.parametrize(
    ("before", "speakable", "told"),
    [
        ("romanized", True, {"units": "romanized", "cer": 0.5, "target_cer": 0.25}),
        ("romanized", False, None),
        ("char", True, {"cer": 0.5, "target_cer": 0.25}),
        ("ipa", True, None),
    ],
)
def test_the_target_is_measured_against_the_model_before_it_romanised_where_that_writes_otherwise(
    before: str, speakable: bool, told: dict[str, object] | None, asked: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str, str]] = []

    def judge(units: str, place: str, rows: dict[str, object]) -> Judgement:
        seen.append((units, Path(place).name, str(rows["units"])))
        errors = 2 if "source" in place else 1
        return Judgement(np.full((6, 4), (errors, 4, errors, 2)), True, cast("Scores", {}))

    monkeypatch.setattr(ablation, "judge_in", judge)

    def read(_: object, __: str, units: str) -> Rows:
        if units == "romanized" and not speakable:
            raise DataError("more than half of them cannot be romanised")
        return Rows(speaker=[None] * 6, units=units)

    monkeypatch.setattr(ablation, "read_test", read)
    settings = asked(ablate=True, units="char")
    whole = [replace(one, results={**one.results, "after": {}}) for one in _done(settings)]
    for one, units in zip(whole, (before, "char"), strict=True):
        one.leg.directory.mkdir(parents=True)
        language = {"units": units, "simplify": False}
        (one.leg.directory / "results.json").write_text(json.dumps({"lang": "it", "language": language}))
    direct = _done(asked(stages=(Stage("target"),), output=whole[0].leg.directory.parent / "direct"))
    found: Any = compare_routes(settings, [Routes(whole, {"direct": direct})], {})
    assert all(units == of_rows for units, _, of_rows in seen)
    assert found["direct"]["gain"]["cer"]["gain"] == 0.0
    if told is None:
        assert "without-target" not in found
        return
    worth = found["without-target"]
    assert worth.pop("gain")["cer"]["gain"] == 0.25 and worth == told
    assert ("romanized" in {units for units, _, _ in seen}) == ("units" in told)


def test_after_a_recording_has_gone_what_was_judged_is_judged_again(
    asked: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: dict[str, list[None]] = {"speaker": [None] * 6}

    def judge(_: str, __: str, rows: Rows) -> Judgement:
        return Judgement(np.full((len(rows), 4), (1, 4, 1, 2)), True, cast("Scores", {}))

    monkeypatch.setattr(ablation, "judge_in", judge)
    monkeypatch.setattr(ablation, "read_test", lambda *_: Rows(rows))
    settings = asked(ablate=True, units="char")
    routes, known = [Routes(_done(settings), {})], {}
    compare_routes(settings, routes, known)
    rows["speaker"] = [None] * 5
    compare_routes(settings, routes, known)
    assert {len(judged.edits) for judged in known.values()} == {5}


def test_the_target_is_measured_by_what_it_leaves_to_a_selftraining(
    asked: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = {"1-source": 3, "2-target": 2, "3-selftrain": 1}

    def judge(_: str, place: str, __: object) -> Judgement:
        return Judgement(np.full((6, 4), (errors.get(Path(place).name, 4), 4, 1, 2)), True, cast("Scores", {}))

    monkeypatch.setattr(ablation, "judge_in", judge)
    monkeypatch.setattr(ablation, "read_test", lambda *_: Rows(speaker=[None] * 6))
    settings = asked(ablate=True, stages=(*_THREE[1:], Stage("selftrain")), unlabelled=("d",), units="romanized")
    whole = [replace(one, results={**one.results, "after": {}}) for one in _done(settings)]
    for one in whole[:2]:
        one.leg.directory.mkdir(parents=True)
        language = {"units": "romanized", "simplify": False}
        (one.leg.directory / "results.json").write_text(json.dumps({"lang": "it", "language": language}))
    direct = _done(asked(stages=(Stage("target"),), output=whole[0].leg.directory.parent / "direct"))
    found: Any = compare_routes(settings, [Routes(whole, {"direct": direct})], {})
    worth = found["without-target"]
    assert (worth["cer"], worth["target_cer"], worth["gain"]["cer"]["gain"]) == (0.75, 0.5, 0.25)
    assert found["whole"]["cer"] == 0.25


@pytest.mark.slow
def test_a_transfer_with_two_seeds_says_what_its_source_was_worth_and_repeats_nothing(
    corpus: Path, asked: Make, tmp_path: Path, trained: list[str]
) -> None:
    settings = asked(source=(Source(str(corpus), lang="es"),), ablate=True, seeds=2)
    first = transfer.run(settings)
    assert trained == ["1-source", "2-target", "1-target"] * 2
    again = transfer.run(settings)
    assert len(trained) == 6 and again["ablation"] == first["ablation"]
    alone = transfer.run(replace(settings, ablate=False, seeds=1))
    fewer = transfer.run(replace(settings, seeds=1))  # which would tell less
    assert len(trained) == 6 and alone["ablation"] == fewer["ablation"] == first["ablation"]
    assert alone["stages"] == fewer["stages"] == first["stages"]
    directories = {
        path.parent.relative_to(tmp_path / "whole").as_posix() for path in tmp_path.rglob("model.safetensors")
    }
    seed = {"1-source", "2-target", "direct/1-target"}
    assert directories == seed | {f"seed-1/{name}" for name in seed}
    ablation = json.loads((tmp_path / "whole" / "results.json").read_text())["ablation"]
    assert ablation["seeds"] == [0, 1]
    direct = ablation["direct"]
    assert direct["gain"]["seeds"] == 2 and direct["gain"]["utterances"] == 8
    assert direct["gain"]["cer"]["gain"] == pytest.approx(direct["cer"] - ablation["whole"]["cer"])
    source, target = first["stages"]
    assert source["gain"] == direct["gain"]["cer"]["gain"] and source["p_value"] is not None
    worth = ablation["without-target"]
    assert worth["units"] == "romanized" and target["gain"] == pytest.approx(worth["cer"] - worth["target_cer"])


def test_a_model_that_writes_otherwise_is_no_measure_of_the_target_stage() -> None:
    gain = {"cer": {"gain": 0.1}}
    assert gains({"direct": {"gain": gain}}, _THREE[1:]) == {"source": gain, "target": None}

"""The commands: what they print, how they end, and that nothing heavy is imported before the settings are right."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

import hf_speech_tl
from hf_speech_tl import __main__, evaluate, finetune, prepare, pretrain, push, selftrain, transcribe, transfer
from hf_speech_tl.errors import DataError, DiskError, SettingsError
from hf_speech_tl.settings import EvaluateSettings, FinetuneSettings, Settings
from hf_speech_tl.stages.routes.verdict import worth_lines
from hf_speech_tl.terminal import explain_import_error

SCORES = {
    "cer": {"value": 0.123, "low": 0.11, "high": 0.139},
    "wer": None,
    "utterances": 200,
    "split": "test",
    "interval": "utterances",
}
DATA = {"sources": ["d"], "rows": 200, "skipped": {}}
RESULTS = {
    "command": "finetune",
    "lang": "zh",
    "model": {"fresh": True},
    "before": None,
    "after": SCORES,
    "output": "runs/one",
}

Stage = Callable[[Callable[..., object]], None]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Puts a function in the place of every stage's work: a door is tested for what it asks and says."""

    def put(run: Callable[..., object]) -> None:
        names = ("finetune", "pretrain", "selftrain", "routes.transfer", "routes.repeats", "evaluation")
        for name in (*names, "transcription"):
            module = ModuleType(f"hf_speech_tl.stages.{name}")
            module.run = run  # type: ignore[attr-defined]
            monkeypatch.setitem(sys.modules, module.__name__, module)

    return put


def failing(error: BaseException) -> Callable[..., object]:
    def run(_: object) -> object:
        raise error

    return run


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    root = str(Path(hf_speech_tl.__file__).parents[1])
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_finetune_says_what_the_model_is_worth_and_where_it_is(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def run(settings: FinetuneSettings) -> dict[str, object]:
        asked.append(settings)
        return RESULTS

    stage(run)
    assert finetune.main(["--lang", "zh", "--max-steps", "2"]) == 0
    assert asked == [FinetuneSettings(lang="zh", max_steps=2)]
    said = capsys.readouterr().out
    assert "after:  CER 12.3 % (11.0 to 13.9); 200 utterances of test, 95 % intervals over utterances" in said
    assert "before: no score, since training began with random weights" in said
    assert "transcribe --model runs/one" in said and "warning" not in said
    assert "runs/one" in said


def test_several_languages_are_a_table(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    own = {key: SCORES[key] for key in ("cer", "wer", "utterances", "interval")}
    rate = {"value": 0.5, "low": 0.4, "high": 0.6}
    after = SCORES | {"languages": {"it": own | {"wer": rate}, "zh-TW": own}, "mean_cer": rate}
    stage(lambda _: RESULTS | {"after": after})
    assert finetune.main(["--lang", "mul", "--data", "zh=starter"]) == 0
    table = [
        "  it     CER 12.3 % (11.0 to 13.9), WER 50.0 % (40.0 to 60.0); 200 utterances",
        "  zh-TW  CER 12.3 % (11.0 to 13.9); 200 utterances",
        "  mean   CER 50.0 % (40.0 to 60.0); 2 languages, each counting alike",
    ]
    assert "\n".join(table) in capsys.readouterr().out
    stage(lambda _: {"data": DATA, "after": after})
    assert evaluate.main(["--model", "m", "--data", "zh=starter", "--lang", "mul"]) == 0
    assert "\n".join(table) in capsys.readouterr().out


def test_several_seeds_are_a_line_each_and_the_best_is_the_one_to_use(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [
        {"directory": f"seed-{at}", "after": SCORES, "validation_cer": 0.2, "steps": 7, "seconds": 3.5}
        for at in range(3)
    ]
    cer = {"mean": 0.241, "low": 0.21, "high": 0.27, "standard_deviation": 0.009, "lowest": 0.23, "highest": 0.252}
    seeds = {"runs": runs, "best": "seed-1", "cer": cer, "wer": None, "interval": "speakers"}
    stage(lambda _: RESULTS | {"seeds": seeds})
    assert finetune.main(["--lang", "zh", "--seeds", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("seed-0: CER 12.3 % (11.0 to 13.9); 200 utterances of test, 95 % intervals over")
    assert lines[2].startswith("seed-2: ") and lines[2].endswith("; validation CER 20.0 %; 7 steps in 3.5 s")
    assert lines[3:] == [
        "95 % interval of the average, over speakers and seeds: CER 21.0 to 27.0 %",
        "3 seeds: CER 24.1 % on average, 23.0 to 25.2 (standard deviation 0.9); best on validation: runs/one/seed-1",
        "output: runs/one",
        "to use it: hf-speech-tl transcribe --model runs/one/seed-1 RECORDING.wav",
    ]


def test_the_last_line_for_programs_is_the_results(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage(lambda _: RESULTS | {"name": "普通话"})
    assert finetune.main(["--lang", "zh", "--json"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert json.loads(last)["after"] == SCORES
    assert "普通话" in last


def test_other_processes_of_a_run_say_nothing(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage(lambda _: {})
    assert finetune.main(["--lang", "zh"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--lang", "pl", "--data", "starter"], "--data starter: the starter speech is Mandarin (zh), not Polish"),
        (["--lang", "pl", "--data", "fleurs", "--simplify"], "--simplify --lang pl"),
        (["--lang", "zh", "--data", "startr"], "Did you mean starter?"),
        (["--lang", "zz-nowhere"], "zz-nowhere"),
        (["--lang", "mul"], "name recordings of each, such as --data it=DIR"),
        (["--lang", "mul", "--data", "it=fleurs", "--temperature", "2"], "all recordings are in Italian"),
        (["--lang", "zh", "--units", "ipa"], "neither espeak-ng nor epitran reads Chinese (zh) rightly"),
        (["--lang", "zh", "--lng", "x"], "did you mean --lang?"),
    ],
)
def test_what_does_not_fit_the_language_is_refused_before_the_stage(
    stage: Stage, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    stage(lambda _: pytest.fail("the stage was reached"))
    assert finetune.main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("hf-speech-tl finetune: ")
    assert said in lines[0]


@pytest.mark.parametrize("found", [None, ModuleSpec("wandb", None, is_package=True)])
def test_a_reporter_that_is_not_installed_is_refused_before_the_stage(
    stage: Stage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, found: ModuleSpec | None
) -> None:
    """A folder of that name in the working directory, such as wandb makes, is not a package."""
    stage(lambda _: pytest.fail("the stage was reached"))
    monkeypatch.setattr("hf_speech_tl.settings.run.find_spec", lambda _: found)
    assert finetune.main(["--lang", "zh", "--report-to", "wandb"]) == 2
    said = capsys.readouterr().err
    assert "--report-to wandb: its package is not installed" in said and "-m pip install wandb`" in said


@pytest.mark.parametrize("tag", ["zh", "zh-TW", "cmn"])
def test_mandarin_by_any_tag_may_use_the_starter_speech(stage: Stage, tag: str) -> None:
    stage(lambda _: RESULTS)
    assert finetune.main(["--lang", tag, "--simplify"]) == 0


@pytest.mark.parametrize(("error", "code"), [(SettingsError("a\nb"), 2), (DataError("a b"), 3)])
def test_a_known_error_is_one_line_and_its_code(
    stage: Stage, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    stage(failing(error))
    assert finetune.main(["--lang", "zh"]) == code
    assert capsys.readouterr().err == "hf-speech-tl finetune: a b\n"


def test_ctrl_c_names_the_command_that_goes_on(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage(failing(KeyboardInterrupt("runs/my run")))
    assert finetune.main(["--lang", "zh"]) == 130
    assert "finetune 'runs/my run/run.yaml' --resume 'runs/my run'" in capsys.readouterr().err
    stage(failing(KeyboardInterrupt()))
    assert finetune.main(["--lang", "zh"]) == 130
    assert "resume" not in capsys.readouterr().err


def test_the_traceback_of_a_surprise_goes_to_a_file(
    stage: Stage, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    stage(failing(ZeroDivisionError("by nothing\nat all")))
    assert finetune.main(["--lang", "zh"]) == 1
    said = re.fullmatch(
        r"hf-speech-tl finetune: ZeroDivisionError: by nothing \(traceback: (.+)\)\n", capsys.readouterr().err
    )
    assert said and "Traceback" in Path(said[1]).read_text("utf-8")
    Path(said[1]).unlink()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "error.log").write_text("mine")
    assert finetune.main(["--lang", "zh", "--output", "out"]) == 1
    assert (tmp_path / "out" / "error.log").read_text("utf-8") == "mine"
    (tmp_path / "out" / "run.yaml").write_text("# hf_speech_tl")
    assert finetune.main(["--lang", "zh", "--output", "out"]) == 1
    assert "in run" in (tmp_path / "out" / "error.log").read_text("utf-8")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "there is no room on the disk, or for this user; make some"),
        (ValueError("I/O error (os error 28)"), "there is no room on the disk, or for this user; make some"),
        (DiskError("a b; make room"), "a b; make room"),
        (
            DiskError("a b; make room", "runs/my run"),
            "a b; make room, and go on: python -m hf_speech_tl.finetune 'runs/my run/run.yaml' --resume 'runs/my run'",
        ),
    ],
)
def test_a_full_disk_says_how_to_go_on(
    stage: Stage, error: Exception, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stage(failing(error))
    assert finetune.main(["--lang", "zh", "--data", "starter", "--output", "run"]) == 1
    assert capsys.readouterr().err == f"hf-speech-tl finetune: {said}\n"


@pytest.mark.parametrize(("before", "told"), [(None, ""), (0.5, " (50.0 % before)")])
def test_pretrain_says_what_decided_and_where_the_encoder_is(
    before: float | None, told: str, stage: Stage, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    training = {"decided_by": "probe_cer", "before": before, "best": 0.4321, "steps": 7, "seconds": 3.5}
    stage(lambda _: {"training": training, "output": "runs/one"})
    arguments = ["--data", str(tmp_path), "--objective", "masked"]
    assert pretrain.main(arguments) == 0
    assert f"lowest letter error of the probe: 43.2 %{told}; 7 steps in 3.5 s" in (said := capsys.readouterr().out)
    assert "output: runs/one" in said
    assert pretrain.main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["training"] == training


_GAIN = {"cer": {"gain": 0.021, "low": 0.004, "high": 0.04, "p_value": 0.0123}, "interval": "utterances"}


@pytest.mark.parametrize(
    ("best", "said"),
    [
        (
            2,
            "gain: +2.1 points of CER (+0.4 to +4.0, p = 0.012; 95 % interval, paired, over utterances), "
            "by round 2 of 3",
        ),
        (0, "no round made the validation CER fall: the model is the teacher as it was"),
    ],
)
def test_selftrain_says_what_it_was_worth(
    stage: Stage, capsys: pytest.CaptureFixture[str], tmp_path: Path, best: int, said: str
) -> None:
    training = {"best_round": best, "rounds": [{}, {}, {}], "gain": _GAIN}
    stage(lambda _: RESULTS | {"before": SCORES, "selftraining": training})
    arguments = ["--lang", "it", "--data", str(tmp_path), "--unlabelled", str(tmp_path), "--model", "m"]
    assert selftrain.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines[:2]] == ["before", "after"] and lines[2] == said
    assert lines[3] == "output: runs/one" and lines[4].startswith("to use it: hf-speech-tl transcribe ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--unlabelled is missing"),
        (["--unlabelled", "nowhere"], "--unlabelled nowhere: no such file or name"),
        (["--unlabelled", ".", "--keep", "0"], "--keep: '0' cannot be"),
        (["--unlabelled", ".", "--length-ratio", "1"], "--length-ratio: '1' cannot be"),
    ],
)
def test_what_cannot_be_selftrained_is_a_line_before_the_stage(
    stage: Stage, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    stage(lambda _: pytest.fail("the stage was reached"))
    assert selftrain.main(["--lang", "it", "--data", ".", "--model", "m", *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and said in lines[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--objective is missing"),
        (["--objective", "distill"], "did you mean distil?"),
        (["--objective", "distil"], "--objective distil: no teacher is named"),
        (["--objective", "contrastive"], "wav2vec2-conformer; add --model facebook/wav2vec2-base"),
        (["--objective", "masked", "--teacher", "t"], "--teacher t --objective masked: is not asked for there"),
        (["--objective", "distil", "--teacher", "t", "--clusters", "9"], "allowed with --objective masked"),
        (["--objective", "distil", "--teacher", "t", "--teacher-layers", "0,4"], "--teacher-layers 0,4: cannot be"),
        (["--objective", "masked", "--model", "a", "--config", "b"], "--model a --config b: one goes on with weights"),
        (["--objective", "masked", "--augment", "speed"], "--augment speed: makes clips longer or shorter"),
        (["--objective", "masked", "--augment", "mask"], "--augment mask: hides what is to be predicted"),
        (["--objective", "masked", "--data", "nowhere"], "--data nowhere: no such file or name"),
        (["--objective", "masked", "--lang", "zz-nowhere"], "zz-nowhere"),
    ],
)
def test_what_cannot_be_pretrained_is_a_line_before_the_stage(
    stage: Stage, capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], said: str
) -> None:
    stage(lambda _: pytest.fail("the stage was reached"))
    assert pretrain.main(["--data", str(tmp_path), *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("hf-speech-tl pretrain: ") and said in lines[0]


def test_transfer_says_what_each_stage_is_worth(
    stage: Stage, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = [
        {"directory": "1-pretrain", "steps": 7, "seconds": 3.5, "after": None},
        {"directory": "2-target", "steps": 9, "seconds": 4.5, "after": SCORES},
    ]
    cer = {"gain": 0.4, "low": 0.3, "high": 0.5, "p_value": 0.001}
    lost = {"cer": cer, "wer": None, "utterances": 200, "interval": "utterances"}
    forgetting = {"units": "romanized", "before": SCORES, "after": SCORES, "forgotten": lost}
    stage(lambda _: {"stages": rows, "output": "runs/one", "forgetting": forgetting})
    arguments = ["--target", f"it={tmp_path}", "--stages", "pretrain,target"]
    assert transfer.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("forgotten of the source (romanised): CER 12.3 % before, 12.3 % in the end; +40")
    assert lines[0] == "1-pretrain  7 steps in 3.5 s; an encoder, which writes nothing yet"
    assert lines[1].startswith("2-target    9 steps in 4.5 s; CER 12.3 %")
    assert lines[-1] == "to use it: hf-speech-tl transcribe --model runs/one/2-target RECORDING.wav"
    assert transfer.main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["stages"] == rows


@pytest.mark.parametrize(
    ("bounds", "said"),
    [((0.01, 0.03), "pays"), ((-0.01, 0.03), "does not clearly pay"), ((-0.05, -0.02), "does not pay")],
)
def test_the_first_line_of_an_ablation_says_whether_the_detour_pays(
    stage: Stage, capsys: pytest.CaptureFixture[str], tmp_path: Path, bounds: tuple[float, float], said: str
) -> None:
    cer = {"gain": sum(bounds) / 2, "low": bounds[0], "high": bounds[1], "p_value": 0.0123}
    gain = {"cer": cer, "wer": None, "utterances": 200, "interval": "speakers", "seeds": 3}
    rows = [
        {"name": name, "directory": f"-{name}", "steps": 7, "seconds": 3.5, "after": SCORES}
        for name in ("source", "target")
    ]
    ablation = {"whole": {"cer": 0.2, "seconds": 60.0}, "direct": {"cer": 0.22, "seconds": 61.0, "gain": gain}}
    stage(lambda _: {"stages": rows, "output": "runs/one", "ablation": ablation})
    assert transfer.main(["--source", f"es={tmp_path}", "--target", f"it={tmp_path}", "--ablate", "--seeds", "3"]) == 0
    first, source, target, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith(
        f"the detour {said}: CER 20.0 %, 22.0 % on the direct route, in 60 s and 61 s of training; "
    )
    assert first.endswith("p = 0.012; 95 % interval, paired, over speakers and 3 seeds)")
    assert source.startswith("  source    ") and source.endswith(", over 61 s of training without it")
    assert target == "  target    cannot be told: no model before it writes anything comparable"
    romanised = {"units": "romanized", "cer": 0.5, "gain": gain}
    *_, target = worth_lines({**ablation, "without-target": romanised}, rows)
    assert target.endswith(", over the model before it, both romanised")
    *_, target = worth_lines({**ablation, "without-target": {"cer": 0.5, "gain": gain}}, rows)
    assert target.endswith(", over the model before it")
    _, apart, *_ = worth_lines({**ablation, "whole": {"cer": 0.2, "seconds": 67.0}}, rows)
    assert apart == "  the routes differ by 10 % in seconds, which may be a part of that"
    sooner = {**ablation, "direct": ablation["direct"] | {"seconds": 20.0, "seeds_ended_early": 1}}
    assert worth_lines(sooner, rows)[1] == "  the direct route might have had 60 s, but ended early"
    some = worth_lines(sooner | {"seeds": [0, 1, 2]}, rows)[1]
    assert some == "  the direct route might have had 60 s, but ended early with some seeds"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--target", "it=nowhere"], "--target nowhere: no such file or name"),
        (["--target", "zh=starter", "--source", "it=nowhere"], "--source nowhere: no such file or name"),
        (
            ["--target", "zh=starter", "--unlabelled", "nowhere", "--stages", "pretrain,target"],
            "--unlabelled nowhere: no such file or name",
        ),
        (["--target", "zh=starter", "--units", "ipa"], "neither espeak-ng nor epitran reads Chinese (zh) rightly"),
        (["--target", "zz-nowhere=starter"], "zz-nowhere"),
        (["--target", "zh=starter", "--source", "zh=starter", "--stages", "target,source"], "in this order"),
    ],
)
def test_what_cannot_be_transferred_is_a_line_before_the_stage(
    stage: Stage, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    stage(lambda _: pytest.fail("the stage was reached"))
    assert transfer.main(["--stages", "target", *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("hf-speech-tl transfer: ") and said in lines[0]


@pytest.mark.parametrize(("sign", "ahead"), [(1, "one"), (-1, "two")])
def test_evaluate_compares_two_models(stage: Stage, capsys: pytest.CaptureFixture[str], sign: int, ahead: str) -> None:
    low, high = sorted((-0.004 * sign, 0.04 * sign))

    def run(settings: EvaluateSettings) -> dict[str, object]:
        cer = {"gain": 0.02 * sign, "low": low, "high": high, "p_value": 0.0123}
        gain = {"cer": cer, "wer": None, "utterances": 200, "interval": "speakers"}
        return {"data": DATA, "after": SCORES, "against": {"model": settings.against, "scores": SCORES, "gain": gain}}

    stage(run)
    assert evaluate.main(["--model", "one", "--against", "two", "--data", "d"]) == 0
    first, second, gain = capsys.readouterr().out.splitlines()
    assert first.startswith("one: CER 12.3 %")
    assert second.startswith("two: CER 12.3 %")
    assert gain == (
        f"no clear difference: {ahead} is ahead by 2.0 points of CER (-0.4 to +4.0, p = 0.012; 95 % interval, paired, "
        "over speakers)"
    )
    assert evaluate.main(["--model", "one", "--data", "d", "--lang", "zz-nowhere"]) == 2


@pytest.mark.parametrize(("sign", "said"), [(1, "one is better by 2.0 points"), (-1, "one is worse by 2.0 points")])
def test_a_clear_difference_says_which_way(
    stage: Stage, capsys: pytest.CaptureFixture[str], sign: int, said: str
) -> None:
    bounds = sorted((0.01 * sign, 0.03 * sign))
    cer = {"gain": 0.02 * sign, "low": bounds[0], "high": bounds[1], "p_value": 0.002}
    against = {"model": "two", "scores": SCORES, "gain": {"cer": cer, "interval": "utterances"}}
    stage(lambda _: {"data": DATA, "after": SCORES, "against": against})
    assert evaluate.main(["--model", "one", "--against", "two", "--data", "d"]) == 0
    assert f"{said} of CER (1.0 to 3.0, p = 0.002" in capsys.readouterr().out


def test_few_test_utterances_are_said_to_be_few(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage(lambda _: RESULTS | {"after": SCORES | {"utterances": 3}})
    assert finetune.main(["--lang", "zh"]) == 0
    assert "warning: 3 test utterances say little" in capsys.readouterr().out


@pytest.mark.parametrize(("step", "last", "told"), [(177, 0.504, True), (2000, 0.504, False), (177, 0.445, False)])
def test_a_run_that_was_too_long_is_told(
    step: int, last: float, told: bool, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    training = {"steps": 2826, "best_step": step, "best_validation_cer": 0.44, "last_validation_cer": last}
    stage(lambda _: RESULTS | {"training": training})
    assert finetune.main(["--lang", "zh"]) == 0
    note = "note: the validation CER was lowest after 177 of 2826 steps (44.0 %), and 50.4 % in the end"
    assert (note in capsys.readouterr().out) == told


def test_a_run_that_ended_early_says_where_it_went_back_to(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    training = {"ended_early": {"begins": 708, "ends": 1062, "best": 177, "planned": 2826}}
    stage(lambda _: RESULTS | {"training": training})
    assert finetune.main(["--lang", "zh"]) == 0
    note = "note: after 708 of 2826 steps the recordings were learnt by heart and the validation CER fell no more"
    told = capsys.readouterr().out
    assert note in told and "back to its weights of step 177 and ended at step 1062 (--patience none" in told


@dataclass(frozen=True)
class Written:
    file: str
    text: str | None
    confidence: float | None
    error: str | None


def test_transcribe_writes_a_line_a_file_and_tells_of_those_it_could_not_read(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = Written("a.wav", "你好", 0.9, None), Written("b.wav", None, None, "truncated")
    stage(lambda _: [good])
    assert transcribe.main(["--model", "m", "a.wav"]) == 0
    assert capsys.readouterr().out == "a.wav\t你好\n"
    stage(lambda _: [good, bad])
    assert transcribe.main(["--model", "m", "a.wav", "b.wav", "--json"]) == 3
    captured = capsys.readouterr()
    assert [json.loads(line)["text"] for line in captured.out.splitlines()] == ["你好", None]
    assert "1 of 2 files could not be read (b.wav: truncated)" in captured.err


def test_push_prints_the_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub = ModuleType("hf_speech_tl.publishing")
    hub.push = lambda directory, repo_id, *, private: f"hub/{repo_id}?{directory.name}&{private}"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, hub.__name__, hub)
    assert push.main([str(tmp_path), "me/mine", "--private"]) == 0
    assert capsys.readouterr().out == f"hub/me/mine?{tmp_path.name}&True\n"


def test_the_commands_are_listed_and_called_by_name(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage(lambda _: RESULTS)
    assert __main__.main(["finetune", "--lang", "zh"]) == 0
    assert "after:" in capsys.readouterr().out
    assert __main__.main([]) == 0
    listed = capsys.readouterr().out
    assert not [name for name in __main__._COMMANDS if f"  {name} " not in listed]
    assert __main__.main(["--version"]) == 0
    assert hf_speech_tl.__version__ in capsys.readouterr().out
    assert __main__.main(["fintune"]) == 2
    assert "did you mean finetune?" in capsys.readouterr().err


@pytest.mark.parametrize("name", list(__main__._COMMANDS))
def test_help_teaches_and_is_there_at_once(name: str) -> None:
    before = os.times()
    shown = python("-m", f"hf_speech_tl.{name}", "--help")
    after = os.times()
    assert shown.returncode == 0
    for part in ("examples:", f"hf-speech-tl {name} ", "[default: ", "--help"):
        assert part in shown.stdout
    # Time of the processor and not of the clock: others may be using this machine.
    assert after.children_user + after.children_system - before.children_user - before.children_system < 0.5


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--lang", "zz-nowhere"], ["--lang", "pl", "--data", "starter"], ["--lnag", "zh"]]
)
def test_nothing_heavy_is_imported_before_the_settings_are_right(arguments: list[str]) -> None:
    code = (
        "import sys; from hf_speech_tl.finetune import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit: pass\n"
        "print([name for name in ('torch', 'transformers', 'datasets', 'peft', 'numpy') if name in sys.modules])"
    )
    assert python("-c", code).stdout.splitlines()[-1] == "[]"


def test_the_package_itself_imports_nothing_heavy_and_knows_no_other_names() -> None:
    seen = python(
        "-c", "import sys, hf_speech_tl; print('datasets' in sys.modules, callable(hf_speech_tl.load_corpus))"
    )
    assert seen.stdout.split() == ["False", "True"]
    with pytest.raises(AttributeError, match="no_such"):
        hf_speech_tl.no_such  # noqa: B018


def test_a_broken_torchaudio_is_explained_and_nothing_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = OSError("libc10_cuda.so: cannot open shared object file: No such file or directory")
    monkeypatch.setattr("hf_speech_tl.terminal.find_spec", lambda name: name)
    named = OSError("Could not load this library: torchaudio/lib/_torchaudio.abi3.so")
    wrapped = RuntimeError("could not import")
    wrapped.__cause__ = missing
    for error in (missing, named, wrapped):
        assert "pip uninstall torchaudio" in str(explain_import_error(error))
    assert explain_import_error(OSError("no space left on device")) is None
    assert explain_import_error(RuntimeError("libc10_cuda.so")) is None
    monkeypatch.setattr("hf_speech_tl.terminal.find_spec", lambda name: None)
    assert explain_import_error(missing) is None


def test_every_command_has_the_function_of_its_name() -> None:
    doors: dict[str, ModuleType] = {"finetune": finetune, "pretrain": pretrain, "evaluate": evaluate}
    doors |= {"transcribe": transcribe, "push": push, "selftrain": selftrain, "transfer": transfer, "prepare": prepare}
    commands: dict[str, type[Settings]] = __main__._COMMANDS
    assert {name: callable(getattr(door, name)) for name, door in doors.items()} == dict.fromkeys(commands, True)


def test_a_pipe_that_breaks_elsewhere_is_told(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage(failing(BrokenPipeError("a worker is gone")))
    assert finetune.main(["--lang", "zh"]) == 1
    assert "BrokenPipeError: a worker is gone (traceback:" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_ends_the_command_without_a_word(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from hf_speech_tl.settings import TranscribeSettings\n"
        "from hf_speech_tl.terminal import conclude\n"
        "sys.exit(conclude(TranscribeSettings, ['--model', 'm', 'a.wav'], lambda _: print('a line\\n' * 100_000)))\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert writer.stdout is not None and writer.stderr is not None
    writer.stdout.readline()
    writer.stdout.close()
    assert writer.stderr.read() == ""
    assert writer.wait() == 1

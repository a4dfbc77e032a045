"""Settings from a file and the command line, what is refused, and that a written run.yaml asks for the same run."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shlex
from pathlib import Path

import pytest

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings import (
    Augmentation,
    EvaluateSettings,
    FinetuneSettings,
    PrepareSettings,
    PretrainSettings,
    PushSettings,
    SelftrainSettings,
    Settings,
    Source,
    TranscribeSettings,
    parse,
    read_yaml,
    write_yaml,
)
from hf_speech_tl.settings.augmentation import FORMS
from hf_speech_tl.settings.option import options

ALL = (FinetuneSettings, SelftrainSettings, EvaluateSettings, TranscribeSettings, PushSettings)
EVERY_OPTION = (
    "--lang pt-BR --data a,b.csv --data hub:me/speech:pt --text-column words --max-seconds 12.5 --units romanized "
    "--model me/encoder --tuning lora --lora-rank 4 --max-minutes 8 --max-steps 1000 --epochs 2.5 --batch-seconds 40 "
    "--learning-rate 1e-3 --head-learning-rate 3e-3 --head-steps 10 --warmup 0.2 --weight-decay 0 --optimizer adamw "
    "--augment mask --precision bfloat16 --seed 7 --simplify --target-lang por --consistency 0.2 --dropout 0.1 "
    "--keep-layers 6 --freeze-layers 2 --gradient-checkpointing always --temperature 2 --data it=d --seeds 2"
)


def finetune(line: str) -> FinetuneSettings:
    return parse(FinetuneSettings, shlex.split(line))


def refusal(line: str, cls: type[Settings] = FinetuneSettings) -> str:
    with pytest.raises(SettingsError) as error:
        parse(cls, shlex.split(line))
    assert error.value.exit_code == 2
    message = str(error.value)
    assert "\n" not in message
    return message


def written(folder: Path, text: str) -> str:
    path = folder / "run.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_values_have_the_types_of_their_fields() -> None:
    settings = finetune(EVERY_OPTION + " --output ~/out")
    assert settings.data == ("a,b.csv", "hub:me/speech:pt", Source("d", lang="it"))
    assert settings.augment == (Augmentation.plain("mask"),)
    assert (settings.max_seconds, settings.learning_rate, settings.seed, settings.lora_rank) == (12.5, 1e-3, 7, 4)
    assert settings.simplify is True
    assert settings.output == Path.home() / "out"


def test_a_bare_command_has_the_defaults() -> None:
    settings = finetune("--lang zh")
    assert settings == FinetuneSettings(lang="zh")
    assert (settings.data, settings.model, settings.tuning, settings.units) == (("auto",), "auto", "full", "char")
    assert settings.max_seconds == 20
    assert settings.augment is None  # auto
    assert settings.resume is None


@pytest.mark.parametrize("cls", ALL)
def test_every_option_explains_itself_and_its_default(cls: type[Settings]) -> None:
    for field in dataclasses.fields(cls):
        option = options(cls)[field.name]
        assert option.help
        assert option.why or field.default is dataclasses.MISSING, f"--{field.name} does not say why"


def test_words_stand_for_no_value() -> None:
    settings = finetune("--lang zh --max-minutes none --batch-seconds auto --augment none --push-to-hub none")
    assert (settings.max_minutes, settings.batch_seconds, settings.push_to_hub) == (None, None, None)
    assert settings.augment == ()
    assert finetune("--lang zh --report-to none").report_to == ()
    assert finetune("--lang zh --report-to trackio,tensorboard").report_to == ("trackio", "tensorboard")


def test_options_that_stand_alone() -> None:
    settings = finetune("--lang zh --push-to-hub --private --resume")
    assert (settings.push_to_hub, settings.resume, settings.private) == ("auto", "", True)


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "lang: zh\nseed: 1\nmax_steps: 5\ndata: [a, b]\nsimplify: true\n")
    settings = finetune(f"{path} --seed 2 --data c --no-simplify")
    assert (settings.seed, settings.max_steps, settings.data, settings.simplify) == (2, 5, ("c",), False)


def test_a_file_may_say_less_than_a_list_and_write_numbers_as_people_do(tmp_path: Path) -> None:
    settings = finetune(
        written(tmp_path, "lang: it\ndata: one.parquet\nlearning_rate: 1e-3\nresume: false\nepochs: 2\n")
    )
    assert (settings.data, settings.learning_rate, settings.resume, settings.epochs) == (
        ("one.parquet",),
        1e-3,
        None,
        2.0,
    )


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    assert finetune(f"{written(tmp_path, '# nothing yet')} --lang zh") == FinetuneSettings(lang="zh")


@pytest.mark.parametrize("line", ["--lang no", EVERY_OPTION, "--lang zh --augment none --head-steps 0 --from-scratch"])
def test_a_written_file_asks_for_the_same_run(tmp_path: Path, line: str) -> None:
    settings = finetune(line)
    path = tmp_path / "run.yaml"
    write_yaml(settings, path)
    assert finetune(str(path)) == settings
    assert read_yaml(FinetuneSettings, path) == settings
    assert list(tmp_path.iterdir()) == [path]


def test_a_written_file_does_not_say_where_to_or_push_again(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    line = "--lang zh --output out --push-to-hub me/mine --private --overwrite --json --quiet --report-to wandb"
    write_yaml(finetune(line), path)
    assert read_yaml(FinetuneSettings, path) == finetune("--lang zh")
    text = path.read_text("utf-8")
    assert not [word for word in ("output", "push", "private", "overwrite", "json", "quiet", "report") if word in text]


@pytest.mark.parametrize("line", ["--lang zh", EVERY_OPTION, "--lang zh --augment none --push-to-hub --from-scratch"])
def test_the_command_line_spelt_out_asks_for_the_same(line: str) -> None:
    program, command, *arguments = shlex.split(finetune(line).command_line())
    assert (program, command) == ("hf-speech-tl", "finetune")
    assert parse(FinetuneSettings, arguments) == finetune(line)
    assert ("--push-to-hub" in arguments) == ("--push-to-hub" in line)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--langg zh", ["--langg", "did you mean --lang?"]),
        ("--lang zh --noise street/", ["--noise:", "did you mean --augment noise=DIR?"]),
        ("--lang zh --speed", ["--speed:", "did you mean --augment speed?"]),
        ("--lang mul --data it=", ["--data", "'it='", "LANG=SOURCE", "it=recordings/"]),
        ("--lang zh --learning_rate 1", ["did you mean --learning-rate?"]),
        ("--lang zh --max-sec 1", ["--max-sec:", "did you mean --max-seconds?"]),
        ("--lang zh --zzz", ["--zzz", "--help"]),
        ("--lang zh -q", ["-q", "long options"]),
        ("--lang zh stray", ["'stray'", "--help"]),
        ("--lang zh run.yaml", ["comes first"]),
        ("", ["--lang is missing", "--lang zh"]),
        ("--lang", ["--lang: expected one argument"]),
        ("--lang zh --max-minutes", ["--max-minutes", "a number above 0"]),
        ("--lang zh --json=1", ["--json", "takes no value"]),
        ("--lang ''", ["--lang", "''"]),
        ("--lang zh --tuning lorra", ["--tuning", "'lorra'", "full, lora or head", "did you mean lora?"]),
        ("--lang zh --augment msk", ["--augment", "'msk'", "did you mean mask?"]),
        (
            "--lang zh --report-to trackio,wand",
            ["--report-to", "'wand'", "tensorboard, trackio", "did you mean wandb?"],
        ),
        ("--lang zh --max-minutes 0", ["--max-minutes", "'0'", "above 0"]),
        ("--lang zh --max-minutes=-3", ["--max-minutes", "'-3'", "above 0"]),
        ("--lang zh --max-minutes soon", ["'soon'", "a number above 0 and below 1000000 or none"]),
        ("--lang zh --learning-rate nan", ["'nan'"]),
        ("--lang zh --epochs inf", ["'inf'"]),
        ("--lang zh --max-steps 1.5", ["'1.5'", "whole number"]),
        ("--lang zh --warmup 1", ["--warmup", "below 1"]),
        ("--lang zh --seed -1", ["--seed"]),
        ("--lang zh --private", ["--private", "--push-to-hub"]),
        ("--lang zh --seeds 0", ["--seeds", "a whole number of at least 1"]),
        ("--lang zh --seeds 3 --push-to-hub", ["--seeds 3 --push-to-hub", "hf-speech-tl push DIR/seed-N"]),
        ("--lang zh --seeds 3 --resume", ["--seeds 3 --resume", "allowed: --resume DIR"]),
        ("--lang zh --seeds 2 --seed 4294967295", ["--seed 4294967295 --seeds 2", "below 4294967296"]),
        ("--lang zh --from-scratch --tuning lora", ["--from-scratch", "--tuning lora", "drop"]),
        ("--lang zh --from-scratch --tuning head", ["--from-scratch", "--tuning head", "drop"]),
        ("--lang zh --lora-rank 8", ["--lora-rank 8", "--tuning lora"]),
        ("--lang zh --cache memroy", ["--cache memroy", "memory, none, or a directory"]),
        ("--lang zh --resume --overwrite", ["--resume", "--overwrite", "drop one"]),
        ("--lang zh --resume no-such-run", ["no directory no-such-run"]),
        ("--lang zh --consistency 0.2 --augment none", ["--consistency 0.2", "the same", "drop --consistency"]),
        ("--lang zh --head-steps 9 --max-steps 9", ["--head-steps 9", "below 9"]),
        ("--lang zh --push-to-hub a/b/c", ["--push-to-hub", "'a/b/c'", "OWNER/NAME"]),
        ("no-such-file.yaml", ["no-such-file.yaml", "cannot be read"]),
    ],
)
def test_a_refusal_names_what_is_wrong_what_is_allowed_and_what_to_do(line: str, said: list[str]) -> None:
    message = refusal(line)
    assert not [part for part in said if part not in message], message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lang: zh\nlerning_rate: 1", ["'lerning_rate'", "did you mean learning_rate?"]),
        ("lang: zh\nlearning-rate: 1", ["'learning-rate'", "did you mean learning_rate?"]),
        ("lang: zh\nnonsense: x", ["unknown key 'nonsense'"]),
        ("lang: zh\n1: x", ["unknown key 1"]),
        ("lang: no", ["lang in", "False", "quotes"]),
        ("lang: zh\nmodel: 7", ["model in", "quotes"]),
        ("lang: zh\nseed: true", ["seed in", "True", "whole number"]),
        ("lang: zh\nsimplify: 1", ["simplify in", "true or false"]),
        ("lang: zh\ndata: {a: 1}", ["data in", "unknown key 'a' of a source"]),
        ("lang: zh\ndata: []", ["data in", "the list is empty"]),
        ("lang: zh\nmax_seconds:", ["max_seconds in", "None", "above 0"]),
        ("- lang", ["list", "mapping"]),
        ("lang: [zh", ["line 2", "not YAML"]),
        ("lang: \x00", ["not YAML"]),
        ("lang: zh\nmax_steps: 5\nmax_steps: 500", ["line 3", "max_steps is there twice", "each key once"]),
    ],
)
def test_a_file_is_refused_by_key_and_line(tmp_path: Path, text: str, said: list[str]) -> None:
    message = refusal(written(tmp_path, text + "\n"))
    assert "run.yaml" in message
    assert not [part for part in said if part not in message], message


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_bytes(b"lang: \xff\xfe")
    assert "UTF-8" in refusal(str(tmp_path / "run.yaml"))


def test_settings_made_in_python_are_checked_alike() -> None:
    with pytest.raises(SettingsError, match="max_minutes: -1"):
        FinetuneSettings(lang="zh", max_minutes=-1)
    with pytest.raises(SettingsError, match="--from-scratch"):
        FinetuneSettings(lang="zh", from_scratch=True, tuning="head")


def test_a_run_goes_on_only_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert finetune(f"--lang zh --resume {tmp_path}/run").output == tmp_path / "run"
    assert finetune(f"--lang zh --resume --output {tmp_path}/run").output == tmp_path / "run"
    assert "drop --output" in refusal(f"--lang zh --resume {tmp_path}/run --output {tmp_path}")
    assert "no directory" in refusal(f"--lang zh --resume --output {tmp_path}/none")


def test_a_new_run_has_a_directory_of_its_own_and_the_newest_has_to_be_sought() -> None:
    output = finetune("--lang pt-BR --model me/XLS-R~300m/").output
    assert output is not None
    assert re.fullmatch(r"runs/pt-BR-XLS-R-300m-\d{8}-\d{6}", output.as_posix())
    assert finetune("--lang zh --resume").output is None


def test_words_without_an_option(tmp_path: Path) -> None:
    settings = parse(TranscribeSettings, ["one.wav", "--model", "m", "two.wav", "--json"])
    assert (settings.files, settings.json) == (("one.wav", "two.wav"), True)
    push = parse(PushSettings, [str(tmp_path), "me/mine", "--private"])
    assert (push.directory, push.repo_id, push.private) == (tmp_path, "me/mine", True)
    assert parse(PushSettings, [str(tmp_path)]).repo_id is None


def test_what_the_other_commands_refuse(tmp_path: Path) -> None:
    assert "FILE is missing" in refusal("--model m", TranscribeSettings)
    assert "--model is missing" in refusal("one.wav", TranscribeSettings)
    assert "--data is missing" in refusal("--model m", EvaluateSettings)
    assert "did you mean test?" in refusal("--model m --data d --split tset", EvaluateSettings)
    assert "DIR is missing" in refusal("", PushSettings)
    assert "no directory" in refusal(f"{tmp_path}/none", PushSettings)
    for name in ("a b", "me/../you", ".x", "me/" + "x" * 96):
        assert "OWNER/NAME" in refusal(shlex.join([str(tmp_path), name]), PushSettings)


def test_the_command_of_a_selftraining_asks_for_the_same() -> None:
    line = "--lang it --data a --unlabelled es=b --unlabelled c --model m --keep 0.5 --student starter --rounds 1"
    settings = parse(SelftrainSettings, shlex.split(line))
    assert parse(SelftrainSettings, shlex.split(settings.command_line())[2:]) == settings
    detailed = parse(SelftrainSettings, shlex.split("--lang it --data a --unlabelled b --model m"))
    detailed = dataclasses.replace(detailed, unlabelled=(Source("b", weight=0.5),))
    assert detailed.command_line() == "hf-speech-tl selftrain run.yaml"  # a command line has no place for the weight
    # Before a teacher writes for hours.
    assert "--cache memroy: allowed" in refusal(
        "--lang it --data a --unlabelled b --model m --cache memroy", SelftrainSettings
    )


def test_augmentations_may_have_details(tmp_path: Path) -> None:
    (tmp_path / "street").mkdir()
    (tmp_path / "street" / "a.FLAC").touch()
    text = (
        f"lang: it\naugment:\n- mask\n- speed: {{factors: [0.95, 1.05]}}\n- gain:\n"
        f"- noise: {{dir: {tmp_path}/street, snr: [5, 1.5e1], share: 5e-1}}\n- {{telephone: {{share: 1}}}}\n"
    )
    settings = finetune(written(tmp_path, text))
    assert settings.augment == (
        Augmentation.plain("mask"),
        Augmentation("speed", 1.0, (0.95, 1.05)),
        Augmentation.plain("gain"),
        Augmentation("noise", 0.5, (5.0, 15.0), tmp_path / "street"),
        Augmentation("telephone", 1.0),
    )
    write_yaml(settings, tmp_path / "again.yaml")
    assert read_yaml(FinetuneSettings, tmp_path / "again.yaml") == settings
    assert settings.command_line() == "hf-speech-tl finetune run.yaml"  # a command line has no place for the details
    plain = finetune(f"--lang it --augment speed,noise={tmp_path}/street,mask")
    assert plain.augment is not None and [str(one) for one in plain.augment] == [
        "speed",
        f"noise={tmp_path}/street",
        "mask",
    ]
    assert parse(FinetuneSettings, shlex.split(plain.command_line())[2:]) == plain
    write_yaml(plain, tmp_path / "again.yaml")
    assert f"augment:\n- speed\n- noise={tmp_path}/street\n- mask\n" in (tmp_path / "again.yaml").read_text()
    fixed = finetune(written(tmp_path, "lang: it\naugment: {gain: {decibels: -6}}\n")).augment
    assert fixed == (Augmentation("gain", 0.5, (-6.0, -6.0)),)


@pytest.mark.parametrize(
    ("augment", "said"),
    [
        ("[noise]", "noise wants a folder of recordings; write noise=DIR"),
        ("[noise: {snr: [5, 20]}]", "noise wants a folder"),
        ("[noise=no/such]", "--augment noise=no/such: no directory no/such"),
        ("[noise=.]", "--augment noise=.: there is no audio in it; allowed: a folder with .flac, .mp3"),
        ("[speed=fast]", "speed reads no folder; write speed"),
        ("[sped]", "'sped' cannot be; allowed: speed, silence, pitch, rir=DIR, noise=DIR, gain, telephone, mask"),
        ("[sped]", "did you mean speed?"),
        ("{speed: , gain: }", "cannot be; allowed: speed,"),
        ("[1]", "1 cannot be"),
        ("[speed: 0.9]", "cannot be"),
        ("[speed: {factors: 5}]", "factors of speed is 5; allowed: factors such as [0.9, 1, 1.1], from 0.5 to 2"),
        ("[speed: {factors: []}]", "factors of speed is []"),
        ("[gain: {decibels: [6, -6]}]", "decibels of gain is [6, -6]; allowed: [lowest, highest], from -60 to 40"),
        ("[gain: {decibels: [1, 2, 3]}]", "allowed: [lowest, highest]"),
        ("[gain: {db: 3}]", "unknown key 'db' of gain; allowed: decibels, share"),
        ("[mask: {share: 1.5}]", "share of mask is 1.5; allowed: a number above 0, 1 at most"),
        ("[gain: {share: true}]", "share of gain is True"),
        ("[mask, mask]", "--augment: mask is named twice"),
    ],
)
def test_an_augmentation_that_cannot_be_is_refused(
    augment: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in refusal(written(tmp_path, f"lang: it\naugment: {augment}\n"))


def test_pretrain_offers_the_augmentations_that_it_takes_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "DIR").mkdir()
    (tmp_path / "DIR" / "a.wav").touch()
    taken = []
    for form in FORMS:
        arguments = ["--data", "d", "--objective", "masked", "--augment", form.replace("DIR", str(tmp_path / "DIR"))]
        with contextlib.suppress(SettingsError):
            parse(PretrainSettings, arguments)
            taken.append(form)
    assert options(PretrainSettings)["augment"].choices == tuple(taken)
    said = refusal("--data d --objective masked --augment gian", PretrainSettings)
    assert "allowed: pitch, rir=DIR, noise=DIR, gain, telephone or none; did you mean gain?" in said
    assert "--augment" not in refusal("--data d --objective masked --speed", PretrainSettings)


def test_a_source_may_have_a_weight_and_a_column_of_its_own(tmp_path: Path) -> None:
    text = "lang: it\ndata:\n- fleurs\n- {source: field, weight: 2, tier: tx@*}\n- {source: plain}\n"
    settings = finetune(written(tmp_path, text))
    assert settings.data == ("fleurs", Source("field", 2.0, tier="tx@*"), "plain")
    write_yaml(settings, tmp_path / "again.yaml")
    assert read_yaml(FinetuneSettings, tmp_path / "again.yaml") == settings
    assert settings.command_line() == "hf-speech-tl finetune run.yaml"  # a command line has no place for the weight
    assert FinetuneSettings(lang="it", data=(Path("a/b"), Source("c", 0.1))).data == ("a/b", Source("c", 0.1))
    assert finetune(written(tmp_path, "lang: it\ndata: {source: field, weight: 5e-1}\n")).data == (
        Source("field", 0.5),
    )
    mixed = finetune(written(tmp_path, "lang: it\ndata: [fleurs, {source: field, lang: es, mix: 0.2}]\n"))
    assert mixed.data == ("fleurs", Source("field", lang="es", mix=0.2))
    with pytest.raises(SettingsError, match="mix is 2; allowed: a number above 0 and below 1"):
        finetune(written(tmp_path, "lang: it\ndata: {source: field, mix: 2}\n"))
    for many, told in (
        ("fleurs, {source: a, mix: 0.6}, {source: b, mix: 0.5}", "2 of 3"),
        ("{source: a, mix: 0.1}", "1 of 1"),
    ):
        message = refusal(written(tmp_path, f"lang: it\ndata: [{many}]\n"))
        assert f"data: {told} sources are mixed in" in message and "allowed: below 1" in message
    mixing = (Source("fleurs"), Source("field", lang="es", mix=0.2))
    with pytest.raises(SettingsError, match=r"^--temperature 2: .* share that `mix` gives a source"):
        FinetuneSettings(lang="it", data=mixing, temperature=2.0)
    with pytest.raises(SettingsError, match=r"^--temperature 2: .* share that `mix` gives a source"):
        PretrainSettings(data=mixing, model="m", objective="masked", temperature=2.0)
    with pytest.raises(SettingsError, match=r"^data: `mix` is a share of what has transcripts"):
        SelftrainSettings(lang="it", data=mixing, unlabelled=("u",), model="m")
    with pytest.raises(SettingsError, match="field: labelled is false, and it is the transcripts that are learnt"):
        finetune(written(tmp_path, "lang: it\ndata: {source: field, labelled: false}\n"))
    with pytest.raises(SettingsError, match="labelled is 'no'; allowed: true or false"):
        finetune(written(tmp_path, "lang: it\ndata: {source: field, labelled: 'no'}\n"))
    with pytest.raises(SettingsError, match="field has a mix, which is for training alone"):
        EvaluateSettings(model="m", data=(Source("field", mix=0.2),))
    with pytest.raises(SettingsError, match="field: labelled is false, and its transcripts are what counts"):
        EvaluateSettings(model="m", data=(Source("field", labelled=False),))
    with pytest.raises(SettingsError, match="field: labelled is false; allowed: --unlabelled, for all"):
        PrepareSettings(lang="it", data=(Source("field", labelled=False),), output=tmp_path / "shards")
    with pytest.raises(SettingsError, match="field has weight 2; weights are for training alone"):
        EvaluateSettings(model="m", data=(Source("field", 2),))
    assert finetune(written(tmp_path, "lang: it\ndata: {source: field, weight: 0.5}\n")).data == (Source("field", 0.5),)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{source: a, wieght: 2}", "unknown key 'wieght' of a source; allowed: source, weight, text_column, tier"),
        ("{weight: 2}", "source is None; allowed: text"),
        ("{source: a, weight: 0}", "weight is 0; allowed: a number above 0"),
        ("{source: a, weight: true}", "weight is True"),
        ("{source: a, weight: two}", "weight is 'two'"),
        ("{source: a, weight: .nan}", "weight is nan"),
        ("{source: a, tier: 1}", "tier is 1; allowed: text"),
        ("{source: a, lang: no}", 'lang is False; allowed: text; write {source: fleurs, lang: "no"}'),
        ("1", "1 cannot be; allowed: text, or {source: fleurs, weight: 2}"),
        ("b, {source: a, mix: 0.2, units: letters}", "units is 'letters'; allowed: char, romanized, ipa, of a source"),
        ("{source: a, units: char}", "units is 'char'; allowed: char, romanized, ipa, of a source with a mix"),
    ],
)
def test_a_source_that_cannot_be_is_refused(source: str, said: str, tmp_path: Path) -> None:
    assert said in refusal(written(tmp_path, f"lang: it\ndata: [{source}]\n"))


def test_a_source_may_have_a_language_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = finetune("--lang mul --data it=one/ --data zh-TW=hub:me/two:b --data three")
    assert settings.data == (Source("one/", lang="it"), Source("hub:me/two:b", lang="zh-TW"), "three")
    assert "--data it=one/ --data zh-TW=hub:me/two:b --data three" in settings.command_line()
    write_yaml(settings, tmp_path / "again.yaml")
    assert read_yaml(FinetuneSettings, tmp_path / "again.yaml") == settings
    text = "lang: mul\ndata:\n- {source: one/, lang: it}\n- zh-TW=hub:me/two:b\n- three\n"
    assert finetune(written(tmp_path, text)).data == settings.data
    heavier = finetune(written(tmp_path, "lang: mul\ndata: {source: one/, lang: it, weight: 2}\n"))
    assert heavier.data == (Source("one/", 2.0, lang="it"),)
    assert heavier.command_line() == "hf-speech-tl finetune run.yaml"


def test_a_path_that_is_there_names_no_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "de=speech").mkdir()
    assert finetune("--lang de --data de=speech --data de=other").data == ("de=speech", Source("other", lang="de"))
    assert finetune("--lang de --data runs/a=b --data four=c").data == ("runs/a=b", "four=c")

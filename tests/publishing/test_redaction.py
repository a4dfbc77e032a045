from __future__ import annotations

import pytest

from hf_speech_tl.publishing.redaction import redact_origins, redact_results, redact_settings


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ("/home/ana/corpora/kichwa", "kichwa"),
        ("/home/ana/corpora/kichwa/", "kichwa"),
        ("../shared/kichwa/train.tsv", "train.tsv"),
        ("corpora/kichwa", "kichwa"),
        ("~/my recordings/kichwa words", "kichwa words"),
        (r"C:\Users\Ana Maria\kichwa", "kichwa"),
        (r"\\server\ana\kichwa", "kichwa"),
        ("zh=../shared/zh", "zh=zh"),
        ("noise=/home/ana/noise", "noise=noise"),
        ("starter", "starter"),
        ("hub:ana/povesti:clean", "hub:ana/povesti:clean"),
        ("facebook/wav2vec2-xls-r-300m", "facebook/wav2vec2-xls-r-300m"),
        ("ana/other-model", "other-model"),
        ("..", ".."),
        ("/", "/"),
        ("", ""),
    ],
)
def test_a_setting_keeps_the_last_name_of_a_path(value: str, left: str) -> None:
    settings = {"data": [value, {"source": value, "weight": 2}], "model": value}
    assert redact_settings(settings, keep={"facebook/wav2vec2-xls-r-300m"}) == {
        "data": [left, {"source": left, "weight": 2}],
        "model": left,
    }


def test_settings_lose_what_is_only_about_this_machine() -> None:
    settings = {
        "lang": "zh",
        "output": "runs/zh",
        "resume": "/home/ana/runs/zh",
        "tier": "tx@Ana",
        "data": [{"source": "field", "weight": 2, "tier": "tx@Ana"}],
        "seed": 0,
        "epochs": None,
    }
    left = {"lang": "zh", "data": [{"source": "field", "weight": 2}], "seed": 0, "epochs": None}
    assert redact_settings(settings) == left


@pytest.mark.parametrize(
    ("command", "left"),
    [
        ("hf-speech-tl finetune --lang zh --data ../zh --output runs/zh", "hf-speech-tl finetune --lang zh --data zh"),
        ("hf-speech-tl finetune --output=runs/zh --lang zh", "hf-speech-tl finetune --lang zh"),
        ("hf-speech-tl finetune --resume --lang zh", "hf-speech-tl finetune --lang zh"),
        ("hf-speech-tl finetune --report-to wandb --lang zh", "hf-speech-tl finetune --lang zh"),
        ("finetune /home/ana/run.yaml --data '/home/ana/my words'", "finetune run.yaml --data 'my words'"),
        ("finetune --data=a/b --augment noise=/n/x", "finetune --data=b --augment noise=x"),
        (
            "finetune --augment speed,noise=/n/x,rir=/r/y,gain --data a,b/c",
            "finetune --augment speed,noise=x,rir=y,gain --data c",
        ),
        ("finetune --augment=pitch,rir=/r/y,mask", "finetune --augment=pitch,rir=y,mask"),
        ("finetune --data /home/ana's/zh", "finetune --data zh"),
        ("finetune --model facebook/base --data hub:a/b", "finetune --model facebook/base --data hub:a/b"),
        ("finetune", "finetune"),
    ],
)
def test_a_command_keeps_the_last_names(command: str, left: str) -> None:
    assert redact_results({"command": command}, keep={"facebook/base"}) == {"command": left}


@pytest.mark.parametrize(
    ("sentence", "left"),
    [
        ("10 % of /home/ana/words became the test split.", "10 % of words became the test split."),
        ("Validation is from ../words, by text.", "Validation is from words, by text."),
        ("Taken from (corpora/ana/words) and `~/more`.", "Taken from (words) and `more`."),
        ("Taken from corpora\\ana\\words by text", "Taken from words by text"),
        ("disjoint in speaker and/or text, 12 s/step", "disjoint in speaker and/or text, 12 s/step"),
        ("see https://example.org/a/b for more", "see https://example.org/a/b for more"),
        ("two\nlines of /a/b", "two\nlines of b"),
    ],
)
def test_a_sentence_loses_its_paths_only(sentence: str, left: str) -> None:
    assert redact_results({"data": {"notes": [sentence]}}) == {"data": {"notes": [left]}}


def test_a_source_is_known_without_the_folder_that_it_lies_in() -> None:
    data = {
        "sources": ["jane.doe/train.parquet", "field notes/Maria G.csv", "hub:ana/povesti"],
        "notes": [
            "jane.doe/train.parquet: test made from its training rows",
            "field notes/Maria G.csv is used as it is",
        ],
    }
    results = {
        "data": data,
        "selftraining": {"unlabelled": ["Maria_Gonzalez/int1.eaf"], "note": "Maria_Gonzalez/int1.eaf"},
    }
    assert redact_results(results) == {
        "data": {
            "sources": ["train.parquet", "Maria G.csv", "hub:ana/povesti"],
            "notes": ["train.parquet: test made from its training rows", "Maria G.csv is used as it is"],
        },
        "selftraining": {"unlabelled": ["int1.eaf"], "note": "int1.eaf"},
    }


def test_figures_stay_as_they_are() -> None:
    results = {
        "lang": "zh",
        "after": {"cer": {"value": 0.25, "low": 0.2, "high": 0.3}, "wer": None, "split": "test"},
        "training": {"precision": "bf16", "augment": ["mask"]},
        "environment": {"torch": "2.13.0+cpu", "device": "Intel(R) Xeon(R) CPU @ 2.70GHz", "cores": 2},
    }
    assert redact_results(results) == results


def test_only_figures_and_settings_are_public() -> None:
    results = {"lang": "zh", "examples": ["what somebody said"], "speakers": ["ana"], "pushed_to": "x"}
    assert redact_results(results) == {"lang": "zh"}


def test_lost_clips_are_counted_and_not_named() -> None:
    lost = {"ana/clip_1": "truncated", "ana/clip_2": "truncated", "bo/clip_3": "silent"}
    results = {"training": {"steps": 3, "clips_lost": lost}}
    assert redact_results(results) == {"training": {"steps": 3, "clips_lost": {"truncated": 2, "silent": 1}}}
    assert results["training"]["clips_lost"] == lost


def test_an_adapter_does_not_say_where_its_base_lay() -> None:
    config = {"base_model_name_or_path": "/home/ana/xls-r", "modules_to_save": ["lm_head"], "unk": "</s>"}
    assert redact_origins(config) == config | {"base_model_name_or_path": "xls-r"}
    nested = {"encoder_config": {"_name_or_path": "/home/ana/runs/parakeet", "hidden_size": 8}, "vocab_size": 5}
    assert redact_origins(nested)["encoder_config"] == {"_name_or_path": "parakeet", "hidden_size": 8}
    known = {"base_model_name_or_path": "facebook/base"}
    assert redact_origins(known, keep={"facebook/base"}) == known

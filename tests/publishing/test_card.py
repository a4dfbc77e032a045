from __future__ import annotations

from pathlib import Path

import jinja2
import pytest
from hub.front_matter import complaints
from huggingface_hub import ModelCard

from hf_speech_tl.publishing.card import card, name_model, write_card

_GOLDEN = Path(__file__).parent / "golden" / "card.md"


def test_the_whole_card(results: dict) -> None:
    assert card(results) == _GOLDEN.read_text(encoding="utf-8")


def test_the_card_is_the_directorys_readme(results: dict, tmp_path: Path) -> None:
    write_card(tmp_path, results)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == card(results)


def test_the_hub_reads_the_metadata(results: dict) -> None:
    data = ModelCard(card(results, model_id="ana/romanian")).data
    assert (data.language, data.library_name, data.pipeline_tag) == (
        "ro",
        "transformers",
        "automatic-speech-recognition",
    )
    assert data.base_model == "facebook/wav2vec2-xls-r-300m"
    assert data.datasets == ["ana/povesti"]
    assert data.metrics == ["wer", "cer"]
    assert data.model_name == "romanian"
    figures = {result.metric_type: result.metric_value for result in data.eval_results}
    assert figures == {"wer": 0.2346, "cer": 0.0821}
    assert {result.dataset_split for result in data.eval_results} == {"test"}


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("language", {"tag": "zh-Hant-TW", "name": "Chinese", "metric": "cer", "units": "romanized"}),
        ("language", {"tag": "cmn"}),
        ("data", {"languages": {tag: {"name": tag, "hours": 1, "share": 0.5} for tag in ("no", "pt-BR")}}),
        ("data", {"sources": ["fleurs", "fleurs#2"]}),
        ("data", {"sources": ["my words: [a, b", '- it\'s "said" #1', "*x & 你好 \n---\nlicense: mit\n---\n"]}),
        ("data", {"licenses": ["CC-BY-NC-ND-4.0"]}),
        ("data", {"licenses": ["ask\n---\nAna"]}),
        ("model", {"base_model": None, "fresh": True}),
        ("model", {"base_model": "/home/ana/models/xls-r", "name": "/home/ana/models/xls-r"}),
        ("model", {"base_model": "starter", "name": "starter", "starter": True}),
    ],
)
def test_the_hub_has_nothing_against_any_card(results: dict, part: str, changes: dict) -> None:
    results[part] |= changes
    for model_id in (None, "ana/romanian"):
        text = card(results, model_id=model_id)
        assert complaints(text) == []
        data = ModelCard(text).data
        assert data.license == "other"
        assert {figure.metric_value for figure in data.eval_results} == {0.2346, 0.0821}


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        (["CC-BY-SA-3.0"], "cc-by-sa-3.0"),
        (["GPL-2.0-or-later", "GPL-2.0-only"], "gpl-2.0"),
        (["MIT", "CC0-1.0"], "other"),
        (["CC0-1.0", "unknown"], "other"),
        (["as the donors wished"], "other"),
        ([], "other"),
    ],
)
def test_a_licence_is_given_where_there_is_one(results: dict, licences: list[str], expected: str) -> None:
    results["data"]["licenses"] = licences
    assert ModelCard(card(results)).data.license == "other"  # that of the weights it began with is not known here
    results["model"] |= {"base_model": None, "fresh": True}
    assert ModelCard(card(results | {"training": results["training"] | {"teacher": "xls-r"}})).data.license == "other"
    text = card(results)
    assert ModelCard(text).data.license == expected
    assert all(licence in text for licence in licences)


def test_selftraining_says_what_was_learnt_from_and_what_it_was_worth(results: dict) -> None:
    plain = card(results)
    one = {"number": 1, "validation_cer": {"value": 0.2}, "hours_kept": 2.5, "share_kept": 0.8}
    two = one | {"number": 2, "validation_cer": {"value": 0.19}}
    gain = {"cer": {"gain": 0.0123, "low": -0.001, "high": 0.02, "p_value": 0.07}}
    results["selftraining"] = {
        "best_round": 2,
        "unlabelled": ["/home/ana/field tapes/tape 1"],
        "unlabelled_hours": 3.1,
        "teacher_validation_cer": {"value": 0.25},
        "rounds": [one, two],
        "gain": gain,
    }
    text = card(results)
    assert "it is the student of round 2. " in text and "higher by 0.012 (-0.001 to 0.020, p = 0.070" in text
    assert "| teacher | 0.250 | | |\n| 1 | 0.200 | 2.5 h | 80 % |\n| 2 | 0.190 | 2.5 h | 80 % |\n\n## How to" in text
    assert "(tape 1)" in text and "/home/ana" not in text
    begin = text.index("## Self-training")
    assert text[:begin] + text[text.index("## How to load it") :] == plain
    results["selftraining"]["rounds"] = [one, two | {"weights": "average"}]
    assert "student of round 2, with the average of its weights over its steps. " in card(results)
    results["selftraining"] |= {"best_round": 0, "rounds": [one]}
    assert "made the validation CER fall: these are the weights of" in card(results)


@pytest.mark.parametrize(
    ("licences", "expected"),
    [(["CC-BY-SA-4.0"], "cc-by-sa-4.0"), (["CC-BY-SA-3.0"], "other"), ([], "other")],
)
def test_the_starters_licence_goes_with_what_is_made_of_it(results: dict, licences: list[str], expected: str) -> None:
    results["model"] |= {"base_model": "starter", "name": "starter", "starter": True}
    results["data"]["licenses"] = licences
    text = card(results)
    assert ModelCard(text).data.license == expected and ModelCard(text).data.base_model is None
    assert "fine-tuned from the starter of hf_speech_tl" in text
    assert "shared under [cc-by-sa-4.0](" in text and "shares it under the same licence" in text
    results["model"]["base_model"] = None  # a directory that was made of it, from recordings that nobody asks about
    assert card(results) == text.replace(f"license: {expected}", "license: other")
    results["model"]["base_model"] = "ana/romanian"  # a model on the Hub that was
    text = card(results)
    assert "fine-tuned from [ana/romanian](" in text and "shared under [cc-by-sa-4.0](" in text
    results["model"]["starter"] = False
    assert "starter of hf_speech_tl" not in card(results) and "cc-by-sa-4.0](" not in card(results)


def test_whoever_read_the_transcripts_is_named(results: dict) -> None:
    results["language"] |= {"units": "ipa", "reader": "espeak-ng 1.52.0, ro"}
    assert "\n- Its transcripts were read from spelling by espeak-ng 1.52.0, ro. It has learnt that" in card(results)
    results["language"]["reader"] = None
    assert "read from spelling" not in card(results)


def test_a_tag_with_a_region_is_given_whole_beside_its_language(results: dict) -> None:
    results["language"] |= {"tag": "zh-TW", "name": "Chinese (Taiwan)"}
    data = ModelCard(card(results)).data
    assert (data.language, data["language_bcp47"]) == ("zh", ["zh-TW"])


def test_only_hub_ids_are_linked_as_base_and_data(results: dict) -> None:
    results["model"] |= {"base_model": "/home/ana/models/xls-r", "name": "/home/ana/models/xls-r"}
    results["data"]["sources"] = ["starter", "fleurs", "/home/ana/corpora/words"]
    text = card(results)
    assert ModelCard(text).data.base_model is None
    assert ModelCard(text).data.datasets == ["google/fleurs"]
    assert "/home" not in text
    results["data"]["sources"] = ["starter"]
    assert ModelCard(card(results)).data.datasets is None


def test_fresh_weights_have_no_base_and_no_figures_from_before(results: dict) -> None:
    results["model"] |= {"fresh": True, "base_model": None}
    results["before"] = None
    text = card(results)
    assert "trained from random weights" in text
    assert "| before training |" not in text
    assert "There is no figure from before training" in text


def test_languages_without_spaced_words_have_no_word_error_rate(results: dict) -> None:
    results["language"]["metric"] = "cer"
    results["before"]["wer"] = results["after"]["wer"] = None
    text = card(results)
    assert ModelCard(text).data.metrics == ["cer"]
    assert "| | CER |\n|---|---|\n| before training | 0.900 (0.880 to 0.920) |\n" in text


def test_a_card_never_says_where_things_lie(results: dict) -> None:
    results["command"] = "hf-speech-tl finetune --lang ro --data '/home/ana/my words' --output runs/ro"
    results["data"]["notes"] = ["The test split was taken from /home/ana/my/words."]
    text = card(results)
    assert "/home" not in text
    assert "runs/ro" not in text
    assert "hf-speech-tl finetune --lang ro --data 'my words'\n" in text


def test_a_bare_command_is_repeated_from_its_settings(results: dict) -> None:
    results["command"] = "finetune"
    assert "\npython -m hf_speech_tl.finetune run.yaml\n" in card(results)


def test_an_id_can_be_put_in_later(results: dict) -> None:
    text = card(results)
    assert text.count('model = "."') == 2
    named = name_model(text, "ana/romanian")
    assert named.count('model = "ana/romanian"') == 2
    assert 'model = "."' not in named
    assert name_model(named, "bo/else") == named


def test_a_card_is_not_written_with_holes(results: dict) -> None:
    del results["after"]["utterances"]
    with pytest.raises(jinja2.UndefinedError, match="utterances"):
        card(results)


def test_the_picture_of_the_training_is_shown_where_there_is_one(results: dict, tmp_path: Path) -> None:
    (tmp_path / "training.svg").write_text("<svg/>", encoding="utf-8")
    write_card(tmp_path, results)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    section = text.partition("## How it was trained\n\n")[2]
    assert section.startswith("![Training loss, ") and "](training.svg)\n" in section
    before, after = card(results).split("## How it was trained\n\n")
    assert text.startswith(before) and text.endswith(after)


def test_a_model_of_many_languages_names_each(results: dict) -> None:
    results["language"] |= {"tag": "mul", "name": "Multiple languages", "metric": "cer"}
    names = {"it": "Italian", "pt-BR": "Portuguese (Brazil)", "zh": "Chinese"}
    spoken = {tag: {"name": name, "hours": 1.5, "share": 0.25} for tag, name in names.items()}
    own = {key: results["after"][key] for key in ("cer", "wer", "utterances", "interval")}
    results["data"] |= {"languages": spoken, "sources": ["fleurs", "fleurs#2", "fleurs#3"]}
    results["after"] |= {"languages": {"it": own, "zh": own | {"wer": None}}, "mean_cer": own["cer"]}
    text = card(results)
    data = ModelCard(text).data
    assert (data.language, data["language_bcp47"]) == (["it", "pt", "zh"], ["pt-BR"])
    assert data.datasets == ["google/fleurs"]
    assert "# Italian, Portuguese (Brazil) and Chinese speech recognition\n" in text
    assert "(`it`, `pt-BR`, `zh`) in characters" in text
    assert "| Portuguese (Brazil) (`pt-BR`) | 1.5 h | 25 % |\n" in text
    assert "| Italian (`it`) | 240 | 0.082 (0.070 to 0.095) | 0.235 (0.200 to 0.270) |\n" in text
    assert "| Chinese (`zh`) | 240 | 0.082 (0.070 to 0.095) |  |\n" in text
    assert "| mean of the languages |  | 0.082 (0.070 to 0.095) |  |\n" in text
    results["data"]["languages"] = {f"q{letter}": spoken["it"] for letter in "abcdefgh"}
    results["after"]["languages"] = {}
    assert "# 8 languages speech recognition\n" in card(results)

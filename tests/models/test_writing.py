import json

import pytest

from hf_speech_tl.models import Writing, read_writing

_LANGUAGE = {"units": "romanized", "simplify": False}


def test_results_come_before_settings(tmp_path) -> None:
    (tmp_path / "run.yaml").write_text("lang: zh\nunits: char\nsimplify: true\n")
    assert read_writing(str(tmp_path)) == Writing("zh", "char", simplify=True)
    (tmp_path / "results.json").write_text(json.dumps({"lang": "mul", "language": _LANGUAGE}))
    assert read_writing(str(tmp_path)) == Writing("mul", "romanized")


def test_an_adapter_writes_the_characters_of_its_language(tmp_path) -> None:
    assert read_writing(str(tmp_path), "cmn-script_simplified") == Writing("cmn")


@pytest.mark.parametrize(
    "results", ["[]", "{", json.dumps({"lang": "it"}), json.dumps({"lang": 1, "language": _LANGUAGE})]
)
def test_of_files_of_others_nothing_is_known(results: str, tmp_path) -> None:
    (tmp_path / "results.json").write_text(results)
    (tmp_path / "run.yaml").write_text("- lang")
    assert read_writing(str(tmp_path)) is None

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hf_speech_tl.corpora import Place, find_source
from hf_speech_tl.errors import SettingsError
from hf_speech_tl.languages import find_language


def _found(source: str, lang: str = "zh") -> Place:
    return find_source(source, find_language(lang))


def test_paths(tmp_path: Path) -> None:
    (tmp_path / "pq" / "data").mkdir(parents=True)
    (tmp_path / "pq" / "data" / "train.parquet").touch()
    (tmp_path / "wavs").mkdir()
    (tmp_path / "m.JSONL").touch()
    assert _found(str(tmp_path / "pq")) == Place("parquet", "pq", tmp_path / "pq")
    assert _found(f"{tmp_path}/pq/data/train.parquet").name == "data/train.parquet"
    assert _found(str(tmp_path / "wavs")) == Place("folder", "wavs", tmp_path / "wavs")
    assert _found(f"{tmp_path}/wavs/../wavs/").name == "wavs"
    assert _found(str(tmp_path / "m.JSONL")).layout == "manifest"


def test_names() -> None:
    assert _found("starter") == Place("starter", "starter")
    assert _found("fleurs") == Place("hub", "fleurs", repo="google/fleurs", config="cmn_hans_cn")
    assert _found("hub:owner/name") == Place("hub", "hub:owner/name", repo="owner/name")
    assert _found("hub:owner/name.v2:pt-BR") == Place(
        "hub", "hub:owner/name.v2:pt-BR", repo="owner/name.v2", config="pt-BR"
    )


def test_a_path_that_exists_wins_over_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "starter").mkdir()
    monkeypatch.chdir(tmp_path)
    assert _found("starter") == Place("folder", "starter", tmp_path / "starter")


def test_a_home_folder_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "speech").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _found("~/speech").path == tmp_path / "speech"


@pytest.mark.parametrize(
    ("source", "near"),
    [
        ("{folder}/zh-hsk-wrods", "Did you mean {folder}/zh-hsk-words?"),
        ("startr", "Did you mean starter?"),
        ("fleur", "Did you mean fleurs?"),
        ("mozilla/voices", "Did you mean hub:mozilla/voices?"),
        ("hub:name", "hub:OWNER/NAME"),
        ("", "It takes"),
        ("nul\0", "It takes"),
        ("x" * 300, "It takes"),
    ],
)
def test_what_is_not_there_names_what_is_near(tmp_path: Path, source: str, near: str) -> None:
    (tmp_path / "zh-hsk-words").mkdir()
    with pytest.raises(SettingsError) as caught:
        _found(source.format(folder=tmp_path))
    assert near.format(folder=tmp_path) in str(caught.value)
    assert "a manifest (.jsonl, .csv, .tsv)" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_single_recording_is_no_corpus(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(SettingsError, match=r"single \.wav file is no corpus"):
        _found(str(tmp_path / "a.wav"))


def test_the_starter_speech_is_mandarin() -> None:
    with pytest.raises(SettingsError, match=r"is Mandarin \(zh\), not Italian \(it\).*--data"):
        _found("starter", "it")


def test_nothing_heavy_is_imported_to_answer() -> None:
    code = """
import sys
from hf_speech_tl.corpora import find_source
from hf_speech_tl.languages import find_language
find_source("starter", find_language("zh"))
print(sorted({"torch", "datasets", "transformers", "pyarrow", "huggingface_hub"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_parquet_beside_transcribed_recordings_is_not_guessed_at(tmp_path: Path) -> None:
    for name in ("a.parquet", "b.wav", "LICENSE.txt"):
        (tmp_path / name).touch()
    assert _found(str(tmp_path)).layout == "parquet"
    (tmp_path / "b.txt").touch()
    with pytest.raises(SettingsError, match="not clear which"):
        _found(str(tmp_path))

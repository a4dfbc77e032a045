"""What is taken for recordings, and what for a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings import Source
from hf_speech_tl.stages.advice.candidate import read_candidate, read_candidates


def test_recordings_have_a_language_and_models_a_configuration(corpus: Path, tiny_checkpoint: Path) -> None:
    recordings = read_candidate(f"it={corpus}")
    assert (recordings.kind, recordings.name) == ("corpus", f"it={corpus.name}")
    assert recordings.language and recordings.language.tag == "it"
    assert read_candidate(Source(str(corpus), lang="it")) == recordings
    model = read_candidate(str(tiny_checkpoint))
    assert (model.kind, model.name, model.language) == ("checkpoint", tiny_checkpoint.name, None)
    named = read_candidate(f"it={tiny_checkpoint}")
    assert named.kind == "checkpoint" and named.language and named.language.tag == "it"
    kinds = {word: read_candidate(word).kind for word in ("starter", "zh=starter", "facebook/mms-1b-all", "it=fleurs")}
    assert list(kinds.values()) == ["checkpoint", "corpus", "checkpoint", "corpus"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("none", "write LANG=none"),
        ("it=none/here/there", "^candidate none/here/there: no such file"),
        ("zzq=none", "^candidate zzq=none: .*no language has the tag 'zzq'"),
        ("it=", "LANG=SOURCE"),
    ],
)
def test_what_is_neither_is_said(word: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "none").touch()
    with pytest.raises(SettingsError, match=said):
        read_candidate(word)


def test_two_folders_of_one_name_are_told_apart(corpus: Path, tmp_path: Path) -> None:
    other = tmp_path / corpus.name
    other.symlink_to(corpus)
    assert [one.name for one in read_candidates([f"it={corpus}", f"it={other}"])] == [f"it={corpus}", f"it={other}"]
    for words, said in (([f"it={corpus}"], "two or more"), ([f"it={corpus}"] * 2, "twice")):
        with pytest.raises(SettingsError, match=said):
            read_candidates(words)

"""Which language each source is in, and what does not go with them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hf_speech_tl.corpora import find_spoken, refuse_for_languages
from hf_speech_tl.errors import SettingsError
from hf_speech_tl.settings import FinetuneSettings, Source

_BOTH = (Source("fleurs", lang="cmn"), Source("fleurs", lang="it"))


def _tags(*sources: str | Source, lang: str | None = "it") -> list[str]:
    return [language.tag for language in find_spoken(sources, lang)]


def test_a_source_is_in_its_own_language_or_that_of_the_model() -> None:
    assert _tags("fleurs", Source("starter", lang="cmn"), Source("fleurs", lang="ita")) == ["it", "zh"]
    assert _tags("auto", lang="swa") == ["sw"]
    assert _tags(*_BOTH, lang="mul") == ["zh", "it"]


def test_the_starter_speech_is_known_to_be_mandarin_where_no_language_is_named(tmp_path, monkeypatch) -> None:
    assert _tags("starter", lang=None) == ["zh"]
    with pytest.raises(SettingsError, match="the starter speech is Mandarin"):
        _tags("starter", lang="mis")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "starter").mkdir()
    assert _tags("starter", lang=None) == ["mis"]


@pytest.mark.parametrize(
    ("sources", "lang", "said"),
    [
        (["auto"], "mul", "--lang mul: in which languages, nobody can choose for you"),
        (["fleurs"], "mul", "--data fleurs: which language it is in is not said, and --lang mul.*--data LANG=fleurs"),
        ([Source("fleurs", lang="mul")], "mul", "--data mul=fleurs: lang: no language has the tag 'mul'"),
        ([Source("fleurs", lang="jp")], "it", "--data jp=fleurs: .*nearest: ja"),
        ([Source("starter", lang="pl")], "zh", "the starter speech is Mandarin"),
    ],
)
def test_a_language_that_is_not_known_is_refused(sources: list[str | Source], lang: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        find_spoken(sources, lang)


@pytest.mark.parametrize(
    ("changes", "sources", "said"),
    [
        ({"units": "ipa"}, _BOTH, "neither espeak-ng nor epitran reads Chinese"),
        ({"simplify": True}, ("fleurs",), "--simplify --lang it: Italian has no traditional characters"),
        ({"temperature": 2}, ("fleurs", "fleurs"), "--temperature 2: balances languages, and all .* are in Italian"),
        ({"temperature": 2}, ("auto",), "--temperature 2: balances languages"),
    ],
)
def test_what_does_not_go_with_the_languages_is_refused(
    changes: dict[str, object], sources: tuple[str | Source, ...], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        refuse_for_languages(FinetuneSettings(lang="it", data=sources, **changes), find_spoken(sources, "it"))


def test_what_one_of_several_languages_has_use_for_is_taken() -> None:
    settings = FinetuneSettings(lang="mul", data=_BOTH, simplify=True, temperature=2, units="romanized")
    refuse_for_languages(settings, find_spoken(settings.data, "mul"))


def test_nothing_heavy_is_imported() -> None:
    program = (
        "import sys; from hf_speech_tl.corpora import find_spoken; find_spoken(['fleurs'], 'it'); "
        "sys.exit('torch' in sys.modules or 'datasets' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

from __future__ import annotations

import pytest

from hf_speech_tl.corpora.fleurs import fleurs_config
from hf_speech_tl.errors import SettingsError
from hf_speech_tl.languages import find_language


@pytest.mark.parametrize(
    ("tag", "config"),
    [
        ("zh", "cmn_hans_cn"),
        ("cmn", "cmn_hans_cn"),
        ("yue", "yue_hant_hk"),
        ("it", "it_it"),
        ("pt-BR", "pt_br"),
        ("swa", "sw_ke"),
        ("no", "nb_no"),
        ("nb", "nb_no"),
        ("es", "es_419"),
        ("ceb", "ceb_ph"),
        ("ast", "ast_es"),
    ],
)
def test_languages_of_fleurs(tag: str, config: str) -> None:
    assert fleurs_config(find_language(tag)) == config


def test_others_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"FLEURS has no Quechua \(qu\)"):
        fleurs_config(find_language("qu"))
    with pytest.raises(SettingsError, match="written in Hant"):
        fleurs_config(find_language("zh-TW"))

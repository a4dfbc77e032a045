"""Spelling in the phonetic alphabet: what each engine reads, what neither does, and that nothing else decides."""

from __future__ import annotations

import importlib
import importlib.resources
import importlib.util
import random
import unicodedata
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.languages import (
    Unspeakable,
    check_units,
    find_language,
    find_model_language,
    find_reader,
    ipa,
    transcript,
)


@pytest.fixture
def espeak() -> None:
    pytest.importorskip("espeakng_loader", reason="needs espeakng-loader of the extra espeak")


@pytest.fixture(scope="session")
def epitran() -> Iterator[None]:
    """Epitran, for which panphon reads its table of features but once: it takes seconds, each language a table."""
    pytest.importorskip("epitran", reason="needs epitran of the extra ipa")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("panphon.FeatureTable", cache(importlib.import_module("panphon").FeatureTable))
        yield


# Compared with Wiktionary's appendices and Wikipedia's keys of pronunciation, broadly, without stress and ties; where
# the engine has another convention (Polish ʃ for ʂ, Italian tsː for tːs, Hindi nasal vowels without length), its.
@pytest.mark.usefixtures("espeak")
@pytest.mark.parametrize(
    ("tag", "spelling", "symbols"),
    [
        ("it", "Il gatto mangia una pizza con gli amici.", "il ɡatːo mandʒa una pitsːa kon ʎi amitʃi"),
        ("pl", "Dzień dobry, jak się masz?", "dʑɛɲ dɔbrɨ jak ɕɛ maʃ"),
        ("es", "¡Buenos días! La niña llora.", "bwenos ðias la niɲa ʎoɾa"),
        ("es-MX", "gracias", "ɡɾasjas"),
        ("es", "gracias", "ɡɾaθjas"),
        ("qu", "Kay wasi hatunmi", "kaj wasi hatunmi"),
        ("de", "Der Hund und die Katze", "dɛɾ hʊnt ʊnt diː katsə"),
        ("bn", "আমেরিকা নদী", "ameɾika nodi"),
        ("ml", "അമ്മ വന്നു", "ɐmmɐ vɐnnu"),
        ("hi", "मैं हिन्दी बोलता हूँ", "mɛ̃ hɪndi boːltaː hũ"),
        ("fr", "les enfants", "lez ɑ̃fɑ̃"),
        ("hu", "Jó napot!", "joː nɑpot"),
        ("cs", "dobrý den, řeka", "dobriː den r̝eka"),
        ("sr", "добар дан", "dobar dan"),
        ("sr-Latn", "dobar dan", "dobar dan"),
        ("hr", "Poljska", "poʎska"),
        ("el", "καλημέρα", "kalimera"),
        ("no", "fisk", "fɪsk"),
    ],
)
def test_what_espeak_reads(tag: str, spelling: str, symbols: str) -> None:
    assert transcript(spelling, find_language(tag), "ipa") == symbols


@pytest.mark.usefixtures("epitran")
@pytest.mark.parametrize(
    ("tag", "spelling", "symbols"),
    [
        ("tr", "Güzel bir gün", "ɡyzel biɾ ɡyn"),
        ("vi", "Tôi không biết tiếng Việt.", "toj˧ xoŋ˧ biət˧˥ tiəŋ˧˥ viət˧˨ˀ"),
        ("vi", "ma má mà mả mã mạ", "ma˧ ma˧˥ ma˨˩ ma˧˩˧ ma˧˥ˀ ma˧˨ˀ"),
        ("ko", "학교 독립 갑니다", "hakk͈jo toŋnip kamnita"),
        ("sw", "Ng'ombe, nyumba", "ŋombe ɲumba"),
        ("ka", "ყავა წყალი", "qʼɑvɑ tsʼqʼɑli"),
        ("yo", "ọmọ káàárọ̀", "ɔmɔ káàárɔ̀"),
        ("jv", "wédang", "wed̪̤aŋ"),
        ("ha", "tsuntsu sha'awa", "tsʼuntsʼu ʃaʔawa"),
    ],
)
def test_what_epitran_reads(tag: str, spelling: str, symbols: str) -> None:
    assert transcript(spelling, find_language(tag), "ipa") == symbols


@pytest.mark.usefixtures("espeak")
@pytest.mark.parametrize(
    ("tag", "spelling", "symbols"),
    [
        ("hi", "लड़का", "lʌɽkaː"),
        ("ml", "മഴ", "mɐɻɐ"),
        ("et", "läti", "lætʲi"),
        ("pa", "ਭਾਰਤ", "pàɾət"),
        ("lb", "sprooch", "ʃpʀoːχ"),
        ("fa", "مغولی", "moqoli"),
        ("bn", "বাড়ি ক্রোয়েশিয়া বাংলায়", "baɽi kɾoeʃia baŋlaj"),  # dotted letters, which NFC takes apart
        ("ro", "S-a dus, l-am văzut", "sa dus lam vəzut"),  # clitics, which the normaliser takes apart
        ("mk", "повеќе", "povekʲe"),
        ("en", "in the house", "ɪnðə haʊs"),
    ],
)
def test_what_espeak_writes_its_own_way_is_ipa(tag: str, spelling: str, symbols: str) -> None:
    assert transcript(spelling, find_language(tag), "ipa") == symbols


def test_what_several_languages_share_has_no_reader() -> None:
    assert find_reader(find_model_language("mul")) is None


@pytest.mark.parametrize(
    ("tag", "reader"),
    [
        ("it", "espeak-ng it"),
        ("en", "espeak-ng en"),
        ("en-CA", "espeak-ng en"),
        ("en-US", "espeak-ng en-US"),
        ("es-AR", "espeak-ng es-419"),
        ("pt-BR", "espeak-ng pt-BR"),
        ("uz", "epitran uzb-Latn"),
        ("uz-Cyrl", "epitran uzb-Cyrl"),
        ("ceb", "epitran ceb-Latn"),
        ("mn", "epitran mon-Cyrl-bab"),
    ],
)
def test_the_reader_depends_on_the_tag_alone(tag: str, reader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for installed in (True, False):
        monkeypatch.setattr(importlib.util, "find_spec", lambda _name, found=installed: object() if found else None)
        found = find_reader(find_language(tag))
        assert found and f"{found.engine} {found.voice}" == reader


@pytest.mark.parametrize(
    "tag",
    [
        "zh",
        "zh-TW",
        "yue",
        "ja",
        "th",
        "lo",
        "my",
        "km",
        "ar",
        "he",
        "haw",
        "ckb",
        "da",
        "tg",
        "tk",
        "gl",
        "oc",
        "rw",
        "as",
        "quz",
        "pa-PK",
        "ast",
    ],
)
def test_languages_that_neither_reads_rightly_are_refused(tag: str) -> None:
    language = find_language(tag)
    with pytest.raises(SettingsError, match=r"neither espeak-ng nor epitran reads .* choose char or romanized"):
        check_units("ipa", language)
    with pytest.raises(SettingsError):
        transcript("a", language, "ipa")
    check_units("char", language)


@pytest.mark.parametrize(("tag", "extra"), [("it", "espeak"), ("tr", "ipa")])
def test_an_engine_that_is_not_installed_is_named(tag: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ipa.check_reader.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SettingsError) as error:
        check_units("ipa", find_language(tag))
    assert str(error.value).endswith(f"pip install 'hf_speech_tl[{extra}]'")


@pytest.mark.usefixtures("espeak", "epitran")
@pytest.mark.parametrize(
    ("tag", "text", "detail"),
    [
        ("it", "привет", "not of the script"),  # espeak-ng would say "cirillico" for each letter
        ("it", "你好", "not of the script"),
        ("hi", "hello", "not of the script"),
        ("ky", "hello", "not of the script"),  # epitran would leave it as it is
        ("tr", "jalapeño", "writes ñ"),
        ("nl", "saint lucia", "another language: (fr)"),
        ("qu", "llamk'ay", "names the letters"),
    ],
)
def test_what_an_engine_does_not_read_is_refused(tag: str, text: str, detail: str) -> None:
    with pytest.raises(Unspeakable) as error:
        transcript(text, find_language(tag), "ipa")
    assert error.value.reason == "no IPA" and detail in error.value.detail


@pytest.mark.parametrize("tag", ["mis", "it-fonipa"])
def test_what_is_ipa_already_stays(tag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    language = find_language(tag)
    once = transcript("t͡ʃaː˥˩, kəˈxui", language, "ipa")
    assert once == transcript("t͡ʃaː˥˩, kəˈxui", language) == "t͡ʃaː˥˩ kəˈxui"
    assert transcript(once, language, "ipa") == once


def test_no_words_are_no_symbols() -> None:
    pytest.importorskip("espeakng_loader")
    assert transcript(" …! ", find_language("it"), "ipa") == ""


@pytest.mark.usefixtures("espeak", "epitran")
@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from([*"aàbcčćçdeèfgğhiıjklmnñoøöprsştuüvwxyzßʻ' 你жह1-"]), max_size=12).map("".join),
    st.sampled_from(["it", "pl", "de", "fr", "en", "tr", "vi", "ro", "lv", "et", "is", "cs", "es", "qu"]),
)
def test_symbols_are_ipa_and_no_more(text: str, tag: str) -> None:
    """NFC, one space between words, no stress, ties or signs of the engines: whatever the text."""
    try:
        symbols = transcript(text, find_language(tag), "ipa")
    except Unspeakable:
        return
    assert symbols == " ".join(symbols.split()) == unicodedata.normalize("NFC", symbols)
    assert not set(symbols) & set("ˈˌ\u0361()'`?:-_|\"#^+123456789gεABCDEFGHIJKLMNOPQRSTUVWXYZ")


@pytest.mark.usefixtures("espeak")
def test_threads_do_not_mix_their_voices() -> None:
    spellings = {"it": "che cosa", "pl": "szczęście", "de": "schöne Straße", "es": "niños", "en": "knight"}
    alone = {tag: transcript(text, find_language(tag), "ipa") for tag, text in spellings.items()}
    asked = list(spellings) * 100
    random.Random(0).shuffle(asked)
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda tag: transcript(spellings[tag], find_language(tag), "ipa"), asked))
    assert read == [alone[tag] for tag in asked]


@pytest.mark.slow
@pytest.mark.usefixtures("espeak")
def test_recorded_languages_are_read(speech: Path) -> None:
    """Over every corpus: few rows are refused, and there are no more symbols than a language has."""
    read = 0
    for folder in sorted(path for path in speech.iterdir() if path.is_dir()):
        language = find_language(folder.name.split("-")[0])
        if find_reader(language) is None:
            continue
        symbols: Counter[str] = Counter()
        texts = {text for file in folder.glob("*.parquet") for text in pq.read_table(file)["text"].to_pylist()}
        refused = 0
        for text in texts:
            try:
                symbols.update(set(transcript(text, language, "ipa")))
            except Unspeakable:
                refused += 1
        assert refused <= 0.15 * len(texts), folder.name
        assert len(symbols) <= 50, folder.name
        read += len(texts)
    assert read > 8_000


@pytest.mark.usefixtures("espeak", "epitran")
def test_the_release_is_named() -> None:
    italian, turkish = (find_reader(find_language(tag)) for tag in ("it", "tr"))
    assert italian and italian.version().startswith("espeak-ng 1.") and italian.version().endswith(", it")
    assert turkish and turkish.version().startswith("epitran 1.") and turkish.version().endswith(", tur-Latn")


@pytest.mark.usefixtures("espeak", "epitran")
def test_every_voice_and_map_is_there() -> None:
    from hf_speech_tl.languages import espeak

    for voice in ipa._VOICES.split():
        espeak.phonemes("a", voice)
    for code in ipa._MAPS.split():
        assert importlib.resources.files("epitran").joinpath("data", "map", f"{code}.csv").is_file(), code

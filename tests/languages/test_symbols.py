import pytest

from hf_speech_tl.languages import find_language, find_model_language, romanisations, sound, sound_distance


@pytest.mark.parametrize(
    ("symbol", "lang", "units", "forms"),
    [
        ("ж", "ru", "char", ("zh",)),
        ("ñ", "es", "char", ("n",)),
        ("你", "zh", "char", ("ni3", "ni")),
        ("ni3", "zh", "romanized", ("ni3", "ni")),
        ("3", "zh", "romanized", ()),
        ("क", "hi", "char", ("k",)),
        ("ी", "hi", "char", ("ii", "i")),
        ("अ", "hi", "char", ("a",)),
        ("ʃ", "it", "ipa", ("sh",)),
        ("ː", "it", "ipa", ()),
        ("ш", "mul", "char", ("sh",)),
        ("你", "mul", "char", ()),
        ("ь", "ru", "char", ()),
    ],
)
def test_a_symbol_is_romanised(symbol: str, lang: str, units: str, forms: tuple[str, ...]) -> None:
    assert romanisations(symbol, find_model_language(lang), units) == forms


@pytest.mark.parametrize(
    ("symbol", "lang", "ipa"),
    [("z", "it", "t͡s"), ("z", "es", "θ"), ("z", "de", "t͡s"), ("ł", "pl", "w"), ("w", "pl", "v"), ("c", "it", "k"),
     ("в", "ru", "v"), ("и", "ru", "i"), ("ы", "ru", "y"), ("ч", "ru", "t͡ʃʲ"), ("γ", "el", "ɣ"), ("r", "en", "ɹ")],
)  # fmt: skip
def test_letters_sound_as_in_their_language_and_not_as_they_are_named(symbol: str, lang: str, ipa: str) -> None:
    pytest.importorskip("espeakng_loader")
    assert sound(symbol, find_language(lang), "char") == ipa


def test_what_no_engine_reads_sounds_as_its_romanisation() -> None:
    chinese = find_language("zh")
    assert sound("q", chinese, "romanized") == "t͡ɕʰ" and sound("你", chinese, "char") == "ni"
    assert sound("क", find_language("hi"), "char") == "k"
    assert sound("ʒ", find_language("fr"), "ipa") == "ʒ"
    assert sound("ʒ", find_language("mis"), "char") == "ʒ"
    assert sound("ь", find_language("ru"), "char") is None


def test_sounds_are_nearer_that_share_more_features() -> None:
    pytest.importorskip("panphon")
    assert sound_distance("p", "p") == 0
    assert sound_distance("p", "b") < sound_distance("p", "m") < sound_distance("p", "a")
    assert sound_distance("ni", "n") > 0.25
    assert sound_distance("3", "n") == float("inf")

from importlib import util

import pytest

from hf_speech_tl.models import Vocabulary, Writing, inherit, inheritance

ITALIAN = Vocabulary(("[PAD]", "|", *"abcdefghilmnopqrstuvz"))


def _origins(new: Vocabulary, old: Vocabulary, *writings: Writing | None) -> dict[str, tuple[str, str]]:
    return {one.symbol: (one.kind, " ".join(one.sources)) for one in inherit(new, old, *writings)}


def test_the_same_symbol_comes_before_another_case_and_that_before_a_romanisation() -> None:
    old = Vocabulary(("<pad>", "<s>", " ", "A", "b", "B", "E"))
    assert _origins(Vocabulary.of(["ab é"]), old) == {
        "[PAD]": ("blank", "<pad>"),
        "|": ("same", "|"),
        "a": ("case", "A"),
        "b": ("same", "b"),
        "é": ("romanisation", "E"),
    }
    assert [one.rows for one in inherit(Vocabulary.of(["ab é"]), old)] == [(0,), (2,), (3,), (4,), (6,)]


def test_russian_letters_come_of_italian_ones_that_are_spelt_or_sound_alike() -> None:
    pytest.importorskip("espeakng_loader")
    pytest.importorskip("panphon")
    found = _origins(Vocabulary.of(["дом ж ы ь"]), ITALIAN, Writing("ru"), Writing("it"))
    assert found["д"] == ("romanisation", "d") and found["ж"] == ("sound", "s") and found["ы"][0] == "sound"
    assert found["ь"] == ("mean", "")
    distances = {one.symbol: one.distance for one in inherit(Vocabulary.of(["дж"]), ITALIAN, Writing("ru"))}
    assert distances["д"] is None and 0 < (distances["ж"] or 0) <= 0.125


def test_without_panphon_a_letter_of_two_comes_of_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inheritance, "can_compare_sounds", lambda: False)
    found = _origins(Vocabulary.of(["шь"]), ITALIAN, Writing("ru"), Writing("it"))
    assert found["ш"] == ("letters", "s h") and found["ь"] == ("mean", "")


@pytest.mark.skipif(util.find_spec("panphon") is None, reason="compares sounds")
def test_ideographs_come_of_syllables_with_the_tone_or_without_or_of_their_letters() -> None:
    new, writes = Vocabulary.of(["你是妈"]), Writing("zh")
    syllables = Vocabulary(("[PAD]", "|", "ni3", "shi1", "shi2", "ma1", "ma4"))
    assert _origins(new, syllables, writes, Writing("zh", "romanized")) == {
        "[PAD]": ("blank", "[PAD]"),
        "你": ("romanisation", "ni3"),
        "是": ("romanisation", "shi1 shi2"),
        "妈": ("romanisation", "ma1"),
    }
    letters = Vocabulary(("[PAD]", "|", *"12345aimnhs"))
    assert _origins(new, letters, writes, Writing("zh", "romanized"))["你"] == ("letters", "n i 3")


def test_a_romanised_model_of_many_languages_knows_letters_of_other_scripts() -> None:
    mul = Writing("mul", "romanized")
    found = _origins(Vocabulary.of(["कद ия"]), ITALIAN, Writing("hi"), mul)
    assert found["क"][0] in ("sound", "letters") and found["द"] == ("romanisation", "d")
    assert _origins(Vocabulary.of(["नमस्ते"]), ITALIAN, Writing("mul"), mul)["न"] == ("romanisation", "n")


def test_a_letter_comes_of_syllables_that_begin_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inheritance, "can_compare_sounds", lambda: False)
    kana = Vocabulary(("[PAD]", *"かきたて"))
    found = _origins(Vocabulary.of(["kta"]), kana, Writing("it"), Writing("ja"))
    assert found["k"] == ("letters", "か き") and found["t"] == ("letters", "た て") and found["a"] == ("mean", "")


def test_the_mean_is_of_symbols_that_stand_for_something() -> None:
    old = Vocabulary(("[PAD]", "|", "a", "<unk>", "", "b"))
    (mean,) = (one for one in inherit(Vocabulary.of(["ع"]), old) if one.kind == "mean")
    assert mean.rows == (1, 2, 5)


def test_a_head_of_nothing_but_a_blank_still_gives_something() -> None:
    assert [one.rows for one in inherit(Vocabulary.of(["a b"]), Vocabulary(("[PAD]",)))] == [(0,), (0,), (0,), (0,)]


def test_nothing_is_romanised_where_all_symbols_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inheritance, "romanisations", pytest.fail)
    inherit(Vocabulary.of(["ab c"]), ITALIAN, Writing("it"), Writing("it"))


def test_an_unknown_tag_is_romanised_as_of_no_language() -> None:
    assert _origins(Vocabulary.of(["д"]), ITALIAN, Writing("ru"), Writing("qqq"))["д"] == ("romanisation", "d")

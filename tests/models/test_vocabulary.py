from hypothesis import given
from hypothesis import strategies as st
from tiny import EXTRACTOR

from hf_speech_tl.models import Vocabulary


def test_sorted_characters_after_blank_and_delimiter() -> None:
    assert Vocabulary.of(["ba c", "é"]).symbols == ("[PAD]", "|", "a", "b", "c", "é")


def test_no_delimiter_where_words_are_not_spaced() -> None:
    assert Vocabulary.of(["你好", "好"]).symbols == ("[PAD]", "你", "好")


def test_unknown_characters_are_named_and_left_out() -> None:
    vocabulary = Vocabulary.of(["ab"])
    assert vocabulary.unknown(["abc", "d a"]) == ["c", "d"]
    assert vocabulary.encode("cab") == vocabulary.encode("ab")


def test_the_blank_never_becomes_a_label() -> None:
    vocabulary = Vocabulary.of(["[PAD] a"])
    assert vocabulary.blank not in vocabulary.encode("[PAD] a")


@given(st.text(alphabet="ab |é你", max_size=20), st.integers(1, 3))
def test_decoding_undoes_encoding(text: str, repeat: int) -> None:
    text = text.replace("|", "").strip()
    vocabulary = Vocabulary.of(["ab é你"])
    frames = [index for label in vocabulary.encode(text) for index in [label] * repeat + [0]]
    assert vocabulary.decode(frames) == text


def test_transformers_tokenizer_reads_the_same_text_and_has_no_other_symbols(tmp_path) -> None:
    vocabulary = Vocabulary.of(["l' ami", "a 's"])
    processor = vocabulary.processor(EXTRACTOR, tmp_path)
    frames = [index for label in vocabulary.encode("l' ami a 's") for index in (label, 0)]
    assert processor.tokenizer.decode(frames) == vocabulary.decode(frames) == "l' ami a 's"
    assert len(processor.tokenizer) == len(vocabulary)

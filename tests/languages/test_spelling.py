"""One spelling for one word, and nothing that a script needs is lost."""

from __future__ import annotations

import pytest

from hf_speech_tl.languages import Unspeakable, find_language, transcript


@pytest.mark.parametrize(
    ("tag", "written", "kept"),
    [
        ("es", "¿Qué tal? ¡Año, pingüino!", "qué tal año pingüino"),
        ("fr", "L’été, c'est l'œuvre d’Ève ; aujourd'hui ?", "l'été c'est l'œuvre d'ève aujourd'hui"),
        ("fr", "Est-ce « lui » ?", "est ce lui"),
        ("it", "Perché l’amico è lì?", "perché l'amico è lì"),
        ("pl", "Zażółć gęślą jaźń!", "zażółć gęślą jaźń"),
        ("de", "„Straße“ – STRASSE, ẞ", "straße strasse ß"),
        ("tr", "İSTANBUL Isparta ILIK", "istanbul ısparta ılık"),
        ("az", "İI", "iı"),
        ("el", "ΟΔΟΣ", "οδος"),
        ("ca", "col·lecció d’or · fi", "col·lecció d'or fi"),
        ("qu", "P’achata, rurakpika.", "p'achata rurakpika"),
        ("uk", "п’ять", "п'ять"),
        ("ro", "Ţară şi ”țară”", "ţară şi țară"),
        ("en", "rock ’n’ roll, e.g. “that”", "rock n roll e g that"),
        ("en", "ﬁne na\u00advi\u200bte", "fine navite"),
        ("en", "cafe\u0301", "café"),
    ],
)
def test_latin_greek_cyrillic(tag: str, written: str, kept: str) -> None:
    assert transcript(written, find_language(tag)) == kept


@pytest.mark.parametrize("consonant", range(10))
def test_old_and_new_chillu_are_one(consonant: int) -> None:
    malayalam = find_language("ml")
    base, chillu = "ണനരറലളകമയഴ"[consonant], "ൺൻർർൽൾൿൔൖൕ"[consonant]
    assert transcript(f"അ{base}്\u200d", malayalam) == f"അ{chillu}"
    assert transcript(f"അ{chillu}", malayalam) == f"അ{chillu}"


def test_malayalam_signs_stay_and_other_joiners_go() -> None:
    malayalam = find_language("ml")
    assert transcript("കുരുത്തക്കേടു് കുന്നിക്കുരുവോളം മതി.", malayalam) == "കുരുത്തക്കേടു് കുന്നിക്കുരുവോളം മതി"
    assert transcript("എന്\u200cറെ പാല്\u200d", malayalam) == "എന്റെ പാൽ"


def test_bengali_signs_and_joiners() -> None:
    bengali = find_language("bn")
    assert transcript("ক্রিস্টোফার জন্মেছিলেন। চাঁদ, বাংলা!", bengali) == "ক্রিস্টোফার জন্মেছিলেন চাঁদ বাংলা"
    assert transcript("র\u200d্যাব", bengali) == "র\u200d্যাব"  # without the joiner another conjunct is read
    assert transcript("হঠাত্\u200d", bengali) == "হঠাৎ"
    assert transcript("\u09a1\u09bc", bengali) == transcript("\u09dc", bengali) == "\u09a1\u09bc"


def test_other_scripts_keep_their_marks_and_joiners() -> None:
    assert transcript("السَّلامُ عَلَيْكُمْ، كـــتاب؟", find_language("ar")) == "السَّلامُ عَلَيْكُمْ كتاب"
    assert transcript("می\u200cخواهم\u200c.", find_language("fa")) == "می\u200cخواهم"
    assert transcript("שָׁלוֹם צה״ל ג׳ירפה אל־יד", find_language("he")) == "שָׁלוֹם צהל ג'ירפה אל יד"
    assert transcript("ශ්\u200dරී", find_language("si")) == "ශ්\u200dරී"
    assert transcript("བོད་སྐད།", find_language("bo")) == "བོད་སྐད"


def test_kana() -> None:
    japanese = find_language("ja")
    assert transcript("ｶﾞｰﾄﾞ・ﾏﾝ", japanese) == "ガードマン"
    assert transcript("「コーヒー」 を、のむ。", japanese) == "コーヒーをのむ"


def test_phonetic_transcription() -> None:
    uncoded = find_language("mis")
    for text in ("ʔɯkfɯməʑi", "t͡ʃaː˥˩", "pʼa", "kʰa̤ ŋ̊", "ʀʁɢʙ", "n̥ĩ", "ˈtaˌta", "məχẽ"):
        assert transcript(text, uncoded) == text
    assert transcript("ˈta.ta, ta", uncoded) == "ˈtata ta"
    assert transcript("pʼa", find_language("en-fonipa")) == "pʼa"


# Sentences with their sources, so that a reader of the language can judge the form that is kept.
@pytest.mark.parametrize(
    ("tag", "written", "kept"),
    [
        # Universal Declaration of Human Rights, article 1, in the versions of the OHCHR.
        ("vi", "Tất cả mọi người sinh ra đều được tự do.", "tất cả mọi người sinh ra đều được tự do"),
        ("yo", "Gbogbo ènìyàn ni a bí ní òmìnira; iyì ẹ̀tọ́ kọ̀ọ̀kan", "gbogbo ènìyàn ni a bí ní òmìnira iyì ẹ̀tọ́ kọ̀ọ̀kan"),
        ("th", "มนุษย์ทั้งหลายเกิดมามีอิสระ และเสมอภาคกัน", "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกัน"),
        ("km", "មនុស្ស​ទាំង​អស់ កើត​មក។", "មនុស្សទាំងអស់កើតមក"),
        (
            "hi",
            "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता।",
            "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता",
        ),
        ("sr", "Сва људска бића рађају се слободна.", "сва људска бића рађају се слободна"),
        ("sr-Latn", "Sva ljudska bića rađaju se slobodna.", "sva ljudska bića rađaju se slobodna"),
        (
            "ku",
            "Hemû mirov azad û di weqar û mafan de wekhev tên dinyayê.",
            "hemû mirov azad û di weqar û mafan de wekhev tên dinyayê",
        ),
        ("ckb", "هەموو مرۆڤەکان بە ئازادی لەدایک دەبن.", "هەموو مرۆڤەکان بە ئازادی لەدایک دەبن"),
        (
            "qu",
            "Tukuy kay pachaman paqarimuq runakuna, libre nasimuntu.",
            "tukuy kay pachaman paqarimuq runakuna libre nasimuntu",
        ),
        # Letters that look like apostrophes: the ʻokina (Pukui and Elbert 1986), Uzbek oʻ and gʻ (law of 1995).
        ("haw", "\u2018O ka 'ōlelo Hawai‘i", "ʻo ka ʻōlelo hawaiʻi"),
        # The puso of Guarani, which stands between vowels.
        ("gn", "Mba’éichapa reiko, che ra'y?", "mba'éichapa reiko che ra'y"),
        ("to", "ko ‘ene ha’u", "ko ʻene haʻu"),
        ("uz", "Tog' bog‘ O'zbekiston san’at", "togʻ bogʻ oʻzbekiston san'at"),
        ("en", "the 'Hawaiian' way", "the hawaiian way"),
    ],
)
def test_languages_with_scripts_of_their_own_ways(tag: str, written: str, kept: str) -> None:
    assert transcript(written, find_language(tag)) == kept


@pytest.mark.parametrize(("tag", "written"), [("hi", "मेरे पास २ किताबें हैं"), ("km", "១២ ថ្ងៃ"), ("yo", "ọdún 3")])
def test_digits_that_no_library_reads_are_listed_not_dropped(tag: str, written: str) -> None:
    with pytest.raises(Unspeakable, match="digits"):
        transcript(written, find_language(tag))

"""Numbers in words, language by language, and the numbers that are refused because they have several readings."""

from __future__ import annotations

import pytest

from hf_speech_tl.languages import Unspeakable, find_language, transcript


@pytest.mark.parametrize(
    ("tag", "written", "spoken"),
    [
        ("en", "Press 7, then 21.", "press seven then twenty one"),
        ("en", "1,000 and 1.5 and 3.14", "one thousand and one point five and three point one four"),
        ("en", "the 3rd and the 21st", "the third and the twenty first"),
        ("en", "10% or 10 %", "ten percent or ten percent"),
        ("en", "3D on A4", "three d on a four"),
        ("en", "in 1998", "in nineteen ninety eight"),
        ("en", "-5", "minus five"),
        ("en", "an 18-year-old", "an eighteen year old"),
        ("es", "El 9º de 1.234", "el noveno de mil doscientos treinta y cuatro"),
        ("es", "la 1ª vez", "la primera vez"),
        ("es", "3,5 %", "tres coma cinco por ciento"),
        ("fr", "le 1er de 10\u202f000", "le premier de dix mille"),
        ("fr", "80", "quatre vingts"),
        ("it", "l’8 marzo 2001", "l'otto marzo duemilauno"),
        ("de", "1998 und 3,14", "neunzehnhundertachtundneunzig und drei komma eins vier"),
        ("pl", "15", "piętnaście"),
        ("tr", "21 ve 2012", "yirmi bir ve iki bin on iki"),
        ("ru", "5", "пять"),
        ("bn", "২৫ বছর", "পঁচিশ বছর"),
        ("ja", "３人と1998年", "三人と千九百九十八年"),
        ("th", "๕ คน", "ห้าคน"),
        ("ar", "٥", "خمسة"),
        ("kk", "5", "бес"),
        ("sr-Latn", "5", "pet"),
        ("pt-BR", "1998", "mil novecentos e noventa e oito"),
        ("de", "2 Kinder, 11 Mal und Kapitel 1", "zwei kinder elf mal und kapitel eins"),
        ("es", "111 veces", "ciento once veces"),
        ("ru", "12 минут", "двенадцать минут"),
        ("es", "en 1998 nació", "en mil novecientos noventa y ocho nació"),
        ("es", "el 21 de mayo", "el veintiuno de mayo"),
        ("pt", "2 de março", "dois de março"),
        ("it", "il 21 marzo", "il ventuno marzo"),
        ("fr", "en 2021 le roi", "en deux mille vingt et un le roi"),
        ("fr", "71 pages", "soixante et onze pages"),
    ],
)
def test_in_words(tag: str, written: str, spoken: str) -> None:
    assert transcript(written, find_language(tag)) == spoken


@pytest.mark.parametrize(
    ("tag", "written"),
    [
        *[
            ("en", text)
            for text in ("12:30", "3-4", "1/2", "5 - 10", "3%-5%", "007", "5551234", "1990's", "30s", "5kg")
        ],
        *[("en", text) for text in ("H.323", ".5", "1 000", "~5", "1.2.3", "½", "x²", "②")],
        ("es", "3,14"),  # catorce, or uno cuatro
        ("es", "el 1er piso"),
        ("es", "1 hora"),  # una, where num2words has uno
        ("es", "200 personas"),
        ("de", "er hat 1 Kind"),
        ("it", "1 ora"),
        ("fr", "21 heures"),
        ("ro", "12 ore"),
        ("ca", "200 persones"),
        ("sl", "3 dni"),
        ("pt", "2.000 pessoas"),
        ("es", "200.000 personas"),
        ("pt", "2 horas"),
        ("ru", "2 минуты"),
        ("lt", "5 dienos"),
        ("de", "am 3. Mai"),
        ("pl", "w 2012 roku"),
        ("pl", "-5"),  # ValueError in num2words
        ("bn", "১লা জুলাই"),
        ("bn", "১৯৮৮ সালে"),
        ("bn", "-৫"),  # num2words drops the minus
        ("ru", "9-ой"),
        ("tr", "5'te"),
        ("ko", "3명"),
        ("ko", "3 명"),
        ("sr", "5"),  # num2words has it in the other script only
        ("nb", "1998"),
        ("ja", "①"),
        ("am", "5"),  # num2words fails or never returns
        ("ml", "5"),
        ("ml", "൫"),
        ("qu", "5"),
        ("hi", "५"),
        ("mis", "ma55"),
    ],
)
@pytest.mark.parametrize("units", ["char", "romanized"])
def test_refused(tag: str, written: str, units: str) -> None:
    with pytest.raises(Unspeakable) as error:
        transcript(written, find_language(tag), units)
    assert error.value.reason == "digits"


def test_every_known_language_counts_without_repeating_itself() -> None:
    """num2words has bad corners; two numbers with the same words would be one of them."""
    known = "ar az be bn ca cs cy da de en eo es fa fi fr he hu id is it ja kk kn ko lt lv nl no pl pt ro ru sk sl sv"
    for tag in [*known.split(), "te", "tg", "th", "tr", "uk", "vi"]:
        language = find_language(tag)
        words = [transcript(str(number), language) for number in (*range(101), 111, 200, 999, 1000, 21000, 100_000)]
        assert len(set(words)) == len(words), tag
        assert not any(character.isdigit() for text in words for character in text), tag

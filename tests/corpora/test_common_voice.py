from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hf_speech_tl.corpora import load_corpus
from hf_speech_tl.errors import DataError

Voice = Callable[..., bytes]

_COLUMNS = "client_id\tpath\tsentence_id\tsentence\tup_votes\tlocale"


def _release(home: Path, voice: Voice, **tables: list[tuple[str, str, str]]) -> Path:
    """A language of Common Voice: rows of (client, clip, sentence) by table."""
    (home / "clips").mkdir(parents=True)
    for name, rows in tables.items():
        lines = [f"{client}\t{clip}.mp3\tx\t{sentence}\t2\ten" for client, clip, sentence in rows]
        (home / f"{name}.tsv").write_text("\n".join([_COLUMNS, *lines, ""]))
        for _, clip, _ in rows:
            (home / "clips" / f"{clip}.mp3").write_bytes(voice(len(clip), 0.5, file_format="MP3"))
    return home


def test_validated_clips_train_unless_their_speaker_or_sentence_is_judged(tmp_path: Path, voice: Voice) -> None:
    home = _release(
        tmp_path / "en",
        voice,
        validated=[
            ("ana", "c1", "One."),
            ("ana", "c2", "Two."),
            ("ben", "c3", "Three."),
            ("cid", "c4", "four"),
            ("dan", "c5", "Five!"),
            ("eve", "c6", "Six."),
            ("ben", "c7", "Seven."),
        ],
        train=[("ana", "c1", "One.")],
        dev=[("ben", "c3", "Three.")],
        test=[("dan", "c5", "Four.")],
        invalidated=[("eve", "c9", "Nine.")],
    )
    corpus = load_corpus([str(home)], "en")
    assert sorted(corpus.train["text"][:]) == ["One.", "Six.", "Two."]
    assert corpus.validation["id"][:] == ["clips/c3"] and corpus.test["speaker"][:] == ["dan"]
    assert any("3 of 7 validated clips train" in note for note in corpus.notes)
    assert corpus.skipped == ()


def test_its_own_training_table_where_validated_is_not_there(tmp_path: Path, voice: Voice) -> None:
    home = _release(
        tmp_path / "en", voice, train=[("a", "c1", "x")], dev=[("b", "c2", "y")], test=[("c", "c3", "A 'quote\"")]
    )
    corpus = load_corpus([str(home)], "en")
    assert [len(corpus.train), len(corpus.validation), corpus.test["text"][:]] == [1, 1, ["A 'quote\""]]


@pytest.mark.parametrize(
    ("lang", "home"), [("zh", "zh-CN"), ("cmn", "zh-CN"), ("zh-HK", "zh-HK"), ("zh-SG", "zh-CN"), ("ga", "ga-IE")]
)
def test_of_a_whole_release_the_folder_of_the_language_is_taken(
    lang: str, home: str, tmp_path: Path, voice: Voice
) -> None:
    for name in ("ga-IE", "zh-CN", "zh-TW", "zh-HK"):
        _release(tmp_path / name, voice, train=[("a", f"{name}-{at}", f"{name} {at}") for at in range(4)])
    corpus = load_corpus([str(tmp_path)], lang)
    texts = [text for rows in (corpus.train, corpus.validation, corpus.test) for text in rows["text"][:]]
    assert sorted(texts) == [f"{home} {at}" for at in range(4)]


def test_the_only_language_of_a_release_must_be_the_one_asked_for(tmp_path: Path, voice: Voice) -> None:
    home = _release(tmp_path / "es", voice, train=[("a", f"c{at}", f"x {at}") for at in range(4)])
    with pytest.raises(DataError, match=r"in Spanish \(es\), and --lang says Italian"):
        load_corpus([str(tmp_path)], "it")
    assert len(load_corpus([str(home)], "it").train)  # who names it means it
    assert len(load_corpus([str(tmp_path)], "es-MX").train)


def test_a_release_without_the_language_says_what_there_is(tmp_path: Path, voice: Voice) -> None:
    for name in ("en", "rm-vallader", "rm-sursilv", "notes"):
        _release(tmp_path / name, voice, train=[("a", "c1", "x")])
    with pytest.raises(DataError, match=r"4 languages \(en, notes, rm-sursilv, rm-vallader\).*--data"):
        load_corpus([str(tmp_path)], "it")
    with pytest.raises(DataError, match=r"2 languages \(rm-sursilv, rm-vallader\).*--data"):
        load_corpus([str(tmp_path)], "rm")


def test_a_broken_line_is_listed_and_a_table_of_ones_own_is_read_as_it_stands(tmp_path: Path, voice: Voice) -> None:
    home = _release(tmp_path / "en", voice, validated=[("a", "c1", "x"), ("b", "c2", "y")], dev=[("c", "c3", "z")])
    for name in ("validated", "dev"):
        table = home / f"{name}.tsv"
        table.write_text(table.read_text().replace("\n", "\n" + "too\t" * 20 + "long\n", 1))
    corpus = load_corpus([str(home)], "en")
    assert sorted(row.id for row in corpus.skipped) == ["dev.tsv:2", "validated.tsv:2"]
    (home / "validated.tsv").unlink()
    (home / "dev.tsv").unlink()
    (home / "train.tsv").write_text("path\ttext\nclips/c1.mp3\tone\nclips/c2.mp3\ttwo\nclips/c3.mp3\tthree\n")
    own = load_corpus([str(home)], "en")
    assert sorted([*own.train["text"], *own.validation["text"], *own.test["text"]]) == ["one", "three", "two"]

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from hf_speech_tl.corpora.splits import SplitRow, assign_splits, shared_texts, split_named, split_of_file, text_key


def _rows(
    texts: int, speakers: int | None, copies: int = 1, source: str = "a", split: str | None = None
) -> list[SplitRow]:
    return [
        SplitRow(split, source, f"s{number % speakers}" if speakers else None, f"text {number}", f"{number}-{copy}")
        for number in range(texts)
        for copy in range(copies)
    ]


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("train.parquet", "train"),
        ("train-00000-of-00002.parquet", "train"),
        ("data/validation-00000-of-00001.parquet", "validation"),
        ("cmn_hans_cn/test/0000.parquet", "test"),
        ("clean/train.100/0000.parquet", "train"),
        ("en/partial-train/0000.parquet", "train"),
        ("my_dev.tsv", "validation"),
        ("valid.jsonl", "validation"),
        ("metadata.csv", None),
        ("contest.csv", None),
        ("latest/trainer.parquet", None),
    ],
)
def test_names_of_files_say_the_split(path: str, split: str | None) -> None:
    assert split_of_file(PurePosixPath(path)) == split


def test_names_of_splits() -> None:
    assert [split_named(word) for word in ("train", " DEV ", "val", "Test", "other", "")] == [
        "train", "validation", "validation", "test", None, None,
    ]  # fmt: skip


def test_splits_that_came_with_the_corpus_stay() -> None:
    rows = _rows(50, 20, split="train") + _rows(5, 5, split="validation") + _rows(5, 5, split="test")
    splits, notes = assign_splits(rows, 0)
    assert splits == [row.split for row in rows]
    assert notes == ()


def test_with_ten_speakers_no_speaker_is_in_two_splits() -> None:
    rows = _rows(600, 30)
    splits, notes = assign_splits(rows, 0)
    homes = {(row.speaker, split) for row, split in zip(rows, splits, strict=True)}
    assert len(homes) == 30
    assert 0.05 <= splits.count("test") / 600 <= 0.2
    assert 0.05 <= splits.count("validation") / 600 <= 0.2
    assert "by speaker" in notes[0]


def test_with_fewer_no_transcript_is_in_two_splits() -> None:
    rows = _rows(200, 9, copies=3)
    splits, notes = assign_splits(rows, 0)
    homes = {(row.text, split) for row, split in zip(rows, splits, strict=True)}
    assert len(homes) == 200
    assert splits.count("test") == pytest.approx(60, abs=3)
    assert splits.count("validation") == pytest.approx(60, abs=3)
    assert "by text" in notes[0]


def test_the_same_words_with_other_punctuation_are_the_same_transcript() -> None:
    assert text_key("Ça va?") == text_key("ça  VA") != text_key("ca va")
    assert text_key("ｈｉ１２") == text_key("hi12")
    assert text_key("?!") == "?!"


def test_ten_speakers_who_are_known_for_few_rows_do_not_decide() -> None:
    rows = _rows(10, 10) + _rows(90, None)
    _, notes = assign_splits(rows, 0)
    assert "by text" in notes[0]


def test_rows_of_nobody_are_not_held_out_where_speakers_decide() -> None:
    rows = _rows(100, 20) + _rows(20, None)
    splits, _ = assign_splits(rows, 0)
    assert set(splits[100:]) == {"train"}


def test_the_choice_depends_on_content_and_seed_alone() -> None:
    rows = _rows(200, None)
    first = dict(zip(rows, assign_splits(rows, 0)[0], strict=True))
    shuffled = random.Random(1).sample(rows, len(rows))
    assert dict(zip(shuffled, assign_splits(shuffled, 0)[0], strict=True)) == first
    assert dict(zip(rows, assign_splits(rows, 1)[0], strict=True)) != first


def test_two_sources_share_no_transcript_across_splits() -> None:
    rows = _rows(100, None) + [replace(row, digest=f"b{row.digest}") for row in _rows(100, None, source="b")]
    splits, _ = assign_splits(rows, 0)
    assert len({(row.text, split) for row, split in zip(rows, splits, strict=True)}) == 100


def test_what_is_mixed_in_moves_nothing_of_the_others() -> None:
    rows, more = _rows(100, None), [replace(row, digest=f"b{row.digest}") for row in _rows(150, None, source="b")]
    alone, beside = assign_splits(rows, 0)[0], assign_splits(more, 0)[0]
    assert assign_splits([*rows, *more], 0)[0] != alone + beside
    splits, notes = assign_splits([*rows, *more], 0, {"b"})
    held_out = {row.text for row, split in zip(rows, alone, strict=True) if split != "train"}
    kept = ["test" if row.text in held_out else split for row, split in zip(more, beside, strict=True)]
    assert splits == alone + kept and kept != beside and [note.partition(":")[0] for note in notes] == ["a", "b"]


def test_what_is_mixed_in_may_be_of_a_recording_that_the_others_hold_out() -> None:
    tape = [SplitRow("test", "a", None, "what is asked", "tape", "es")]
    answers = [SplitRow("train", "b", None, f"answer {at}", "tape", "qu") for at in range(20)]
    rows = [*tape, *_rows(20, None), *answers]
    splits, _ = assign_splits(rows, 0, {"b"})
    assert splits[-20:].count("train") == assign_splits(answers, 0)[0].count("train") > 0


def test_only_what_is_missing_is_made() -> None:
    rows = _rows(200, None, split="train") + [SplitRow("test", "a", None, f"other {n}", f"t{n}") for n in range(20)]
    splits, notes = assign_splits(rows, 0)
    assert splits[200:] == ["test"] * 20
    assert Counter(splits[:200]) == {"train": 180, "validation": 20}
    assert notes[0].startswith("a: validation made")


def test_a_source_of_test_data_alone_stays_whole() -> None:
    rows = _rows(20, None, split="test")
    splits, notes = assign_splits(rows, 0)
    assert set(splits) == {"test"}
    assert "no training split" in notes[0]


@pytest.mark.parametrize(
    ("texts", "expected"), [(1, {"train"}), (2, {"train", "test"}), (3, {"train", "test", "validation"})]
)
def test_small_corpora_keep_something_to_train_on(texts: int, expected: set[str]) -> None:
    splits, notes = assign_splits(_rows(texts, None, copies=40), 0)
    assert set(splits) == expected
    assert "says little" in notes[0]


def test_one_speaker_with_nearly_everything_is_trained_on() -> None:
    rows = [SplitRow(None, "a", "s0" if n >= 20 else f"s{n + 1}", f"text {n}", str(n)) for n in range(400)]
    for seed in range(5):
        splits, _ = assign_splits(rows, seed)
        assert splits[-1] == "train"
        assert {"test", "validation"} <= set(splits)


def test_shared_texts_are_counted() -> None:
    rows = [SplitRow(None, "a", None, text, text) for text in ("one", "One.", "two", "three")]
    assert shared_texts(rows, ["train", "test", "test", "validation"]) == 1
    other = [replace(rows[1], lang="fr")]  # written alike, and another word
    assert shared_texts([*rows[:1], *other, *rows[2:]], ["train", "test", "test", "validation"]) == 0


def test_recordings_without_transcripts_are_not_said_to_be_split_by_text() -> None:
    splits, notes = assign_splits([replace(row, text=None) for row in _rows(20, None)], 0)
    assert Counter(splits) == {"train": 16, "validation": 2, "test": 2}
    assert notes == ("a: test and validation made from its training rows, by recording (none in two splits)",)


@pytest.mark.parametrize("speakers", [None, 4, 30])
def test_recordings_without_a_transcript_move_no_other(speakers: int | None) -> None:
    spoken = _rows(200, speakers) + _rows(30, None, source="b")
    silent = [replace(row, text=None, digest=f"silent {row.digest}") for row in _rows(300, 60 if speakers else None)]
    alone, _ = assign_splits(spoken, 0)
    rows = [*silent[:150], *spoken, *silent[150:]]
    splits, notes = assign_splits(rows, 0)
    assert splits[150:380] == alone
    assert {"train", "validation", "test"} == set(splits[:150] + splits[380:])
    voices = {(row.speaker, split) for row, split in zip(rows, splits, strict=True) if row.source == "a"}
    if speakers == 30:
        assert len(voices) == 60 and len(notes) == 2


@pytest.mark.parametrize("given", [None, "train"])
def test_recordings_beside_a_test_split_alone_that_has_transcripts_are_cut_for_validation(given: str | None) -> None:
    silent = [replace(row, text=None, digest=f"silent {row.digest}") for row in _rows(100, None, split=given)]
    splits, notes = assign_splits([*_rows(20, None, split="test"), *silent], 0)
    assert splits[:20] == ["test"] * 20 and Counter(splits[20:]) == {"train": 90, "validation": 10}
    assert "no training split" not in notes[0]


def test_recordings_without_a_transcript_keep_the_splits_that_they_came_with() -> None:
    silent = [
        replace(row, text=None, digest=f"{split} {row.digest}")
        for split in ("train", "validation", "test")
        for row in _rows(20, None, split=split)
    ]
    splits, _ = assign_splits([*_rows(100, None), *silent], 0)
    assert splits[100:] == [row.split for row in silent] and set(splits[:100]) == {"train", "validation", "test"}


def test_a_split_that_only_recordings_without_a_transcript_have_is_cut_for_the_others() -> None:
    silent = [replace(row, text=" ", digest=f"silent {row.digest}") for row in _rows(20, None, split="test")]
    splits, _ = assign_splits([*_rows(100, None), *silent], 0)
    assert splits[:100] == assign_splits(_rows(100, None), 0)[0] and splits[100:] == ["test"] * 20

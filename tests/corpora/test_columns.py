from __future__ import annotations

import pytest

from hf_speech_tl.corpora.columns import Columns, find_columns
from hf_speech_tl.errors import DataError


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            ["id", "audio", "text", "speaker", "seconds"],
            Columns("audio", "text", "id", "speaker", "seconds", None, None),
        ),
        (["audio_filepath", "duration", "text"], Columns("audio_filepath", "text", None, None, "duration", None, None)),
        (["client_id", "path", "sentence"], Columns("path", "sentence", None, "client_id", None, None, None)),
        (["File", "Transcript", "Split"], Columns("File", "Transcript", None, None, None, None, "Split")),
        # FLEURS
        (["id", "path", "audio", "transcription"], Columns("audio", "transcription", "id", None, None, None, None)),
    ],
)
def test_usual_names_are_known(found: list[str], expected: Columns) -> None:
    assert find_columns(found, "here", None) == expected


def test_the_users_word_comes_first() -> None:
    assert find_columns(["audio", "text", "Gloss"], "here", "gloss").text == "Gloss"


def test_what_is_missing_is_named_with_what_was_found() -> None:
    with pytest.raises(DataError, match=r"x\.csv has no column of recordings.*has words, text"):
        find_columns(["words", "text"], "x.csv", None)
    with pytest.raises(DataError, match=r"x\.csv has no column of transcripts.*has audio, words.*--text-column"):
        find_columns(["audio", "words"], "x.csv", None)
    with pytest.raises(DataError, match=r"no column 'wrds'.*--text-column.*audio, words"):
        find_columns(["audio", "words"], "x.csv", "wrds")

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import Voice
from praatio import textgrid
from pympi.Elan import Eaf

from hf_speech_tl.corpora import load_corpus, samples
from hf_speech_tl.errors import DataError, SettingsError

Piece = tuple[float, float, str]


def _elan(file: Path, tiers: dict[str, list[Piece]], media: str, participants: dict[str, str] | None = None) -> Path:
    eaf = Eaf()
    eaf.add_linked_file(f"file:///C:/Users/ana/{media}", relpath=f"./{media}", mimetype="audio/x-wav")
    for tier, pieces in tiers.items():
        eaf.add_tier(tier, part=(participants or {}).get(tier))
        for start, end, text in pieces:
            eaf.add_annotation(tier, round(1000 * start), round(1000 * end), text)
    eaf.to_file(str(file))
    return file


def _praat(file: Path, tiers: dict[str, list[Piece]], seconds: float) -> Path:
    grid = textgrid.Textgrid()
    for name, pieces in tiers.items():
        grid.addTier(textgrid.IntervalTier(name, pieces, 0, seconds))
    grid.save(str(file), format="long_textgrid", includeBlankSpaces=True)
    return file


PIECES = [(0.5, 1.25, "wañushka"), (2.0, 3.5, "ñuka wasi"), (3.5, 3.75, " ")]


def test_elan_segments_point_into_their_recording(tmp_path: Path, voice: Voice) -> None:
    (tmp_path / "field day.wav").write_bytes(voice(0, 5.0))
    _elan(tmp_path / "notes.eaf", {"tx": PIECES}, "field day.wav")
    corpus = load_corpus([str(tmp_path)], "qu")
    rows = sorted([*corpus.train, *corpus.validation, *corpus.test], key=lambda row: row["audio"]["offset"])
    assert [(row["text"], row["seconds"]) for row in rows] == [("wañushka", 0.75), ("ñuka wasi", 1.5)]
    whole = samples({"bytes": None, "path": str(tmp_path / "field day.wav"), "offset": None, "length": None})
    np.testing.assert_array_equal(samples(rows[0]["audio"]), whole[8_000:20_000])
    assert any("read as ELAN, 1 of 1 tiers" in note for note in corpus.notes)


def test_several_tiers_are_listed_and_one_is_named(tmp_path: Path, voice: Voice) -> None:
    (tmp_path / "a.wav").write_bytes(voice(0, 5.0))
    file = _elan(
        tmp_path / "a.eaf",
        {"tx@ANA": PIECES, "tx@BEN": [(4.0, 4.5, "ari")], "gloss": PIECES},
        "moved.wav",
        {"tx@ANA": "Ana"},
    )
    with pytest.raises(SettingsError, match=r"--tier.*several tiers: tx@ANA \(2\), gloss \(2\), tx@BEN \(1\)"):
        load_corpus([str(tmp_path)], "qu")
    with pytest.raises(SettingsError, match=r"--tier words: there is no such tier"):
        load_corpus([str(tmp_path)], "qu", tier="words")
    one = load_corpus([str(file)], "qu", tier="gloss")
    assert len(one.train) + len(one.validation) + len(one.test) == 2
    both = load_corpus([str(tmp_path)], "qu", tier="tx@*")
    assert {row["speaker"] for row in [*both.train, *both.validation, *both.test]} == {"Ana", "tx@BEN"}


def test_praat_intervals(tmp_path: Path, voice: Voice) -> None:
    (tmp_path / "b.WAV").write_bytes(voice(0, 5.0))
    _praat(tmp_path / "b.TextGrid", {"words": PIECES[:2]}, 5.0)
    corpus = load_corpus([str(tmp_path)], "qu")
    assert sorted([*corpus.train["text"][:], *corpus.validation["text"][:], *corpus.test["text"][:]]) == [
        "wañushka",
        "ñuka wasi",
    ]


def test_a_recording_that_is_gone_is_listed(tmp_path: Path, voice: Voice) -> None:
    (tmp_path / "a.wav").write_bytes(voice(0, 5.0))
    _elan(tmp_path / "a.eaf", {"tx": PIECES}, "a.wav")
    _elan(tmp_path / "b.eaf", {"tx": PIECES[:1]}, "b.wav")
    corpus = load_corpus([str(tmp_path)], "qu")
    assert [(row.id, row.reason) for row in corpus.skipped] == [("b@0.500-0", "missing file")]


@pytest.mark.parametrize("name", ["a.eaf", "a.TextGrid"])
def test_a_broken_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("<ANNOTATION_DOCUMENT")
    with pytest.raises(DataError, match=rf"{name} cannot be read"):
        load_corpus([str(tmp_path)], "qu")

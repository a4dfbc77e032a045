from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from praatio import textgrid
from pympi.Elan import Eaf

from hf_speech_tl.corpora import Corpus, load_corpus, samples
from hf_speech_tl.errors import DataError, SettingsError

Voice = Callable[..., bytes]

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


def _all(corpus: Corpus) -> list[dict]:
    rows = [*corpus.train, *corpus.validation, *corpus.test]
    return sorted(rows, key=lambda row: (row["id"].split("@")[0], row["audio"]["offset"] or 0.0))


PIECES = [(0.5, 1.25, "wañushka"), (2.0, 3.5, "ñuka wasi"), (3.5, 3.75, " ")]


def test_elan_segments_point_into_their_recording(tmp_path: Path, voice: Voice) -> None:
    (tmp_path / "field day.wav").write_bytes(voice(0, 5.0))
    (tmp_path / "notes.wav").write_bytes(voice(1, 5.0))  # of the same name, and not the one that is linked
    _elan(tmp_path / "notes.eaf", {"tx": PIECES}, "field day.wav")
    corpus = load_corpus([str(tmp_path)], "qu")
    rows = _all(corpus)
    assert [(row["text"], row["seconds"]) for row in rows] == [("wañushka", 0.75), ("ñuka wasi", 1.5)]
    whole = samples({"bytes": None, "path": str(tmp_path / "field day.wav"), "offset": None, "length": None})
    np.testing.assert_array_equal(samples(rows[0]["audio"]), whole[8_000:20_000])
    assert any("read as ELAN or Praat, 1 of 1 tiers" in note for note in corpus.notes)


def test_several_tiers_are_listed_and_one_is_named(tmp_path: Path, voice: Voice) -> None:
    (tmp_path / "a.wav").write_bytes(voice(0, 5.0))
    tiers = {"tx@ANA": PIECES, "tx@BEN": [(4.0, 4.5, "ari")], "gloss": PIECES}
    file = _elan(tmp_path / "a.eaf", tiers, "moved.wav", {"tx@ANA": "Ana"})
    with pytest.raises(SettingsError, match=r"--tier.*several tiers: tx@ANA \(2\), gloss \(2\), tx@BEN \(1\)"):
        load_corpus([str(tmp_path)], "qu")
    with pytest.raises(SettingsError, match=r"--tier words: there is no such tier"):
        load_corpus([str(tmp_path)], "qu", tier="words")
    assert len(_all(load_corpus([str(file)], "qu", tier="gloss"))) == 2
    both = load_corpus([str(tmp_path)], "qu", tier="tx@*")
    assert {row["speaker"] for row in _all(both)} == {"Ana", "tx@BEN"}
    assert not [note for note in both.notes if "ANA" in note]


def test_words_of_an_utterance_are_its_text_and_glosses_have_its_time(tmp_path: Path, voice: Voice) -> None:
    (tmp_path / "a.wav").write_bytes(voice(0, 5.0))
    eaf = Eaf()
    eaf.add_linked_file("file:///a.wav", relpath="./a.wav", mimetype="audio/x-wav")
    eaf.add_linguistic_type("words", "Symbolic_Subdivision")
    eaf.add_linguistic_type("gloss", "Symbolic_Association")
    eaf.add_tier("ref")
    eaf.add_annotation("ref", 500, 1250, "001")
    eaf.add_tier("tx", ling="words", parent="ref")
    eaf.add_tier("ge", ling="gloss", parent="tx")
    utterance = next(iter(eaf.tiers["ref"][0]))
    # As ELAN writes them: a chain of references, in any order in the file.
    eaf.tiers["tx"][1].update({"a9": (utterance, "wasi", "a8", None), "a8": (utterance, "ñuka", None, None)})
    eaf.tiers["ge"][1].update({"a11": ("a9", "house", None, None), "a10": ("a8", "my", None, None)})
    eaf.annotations.update({"a8": "tx", "a9": "tx", "a10": "ge", "a11": "ge"})
    eaf.to_file(str(tmp_path / "a.eaf"))
    rows = _all(load_corpus([str(tmp_path)], "qu", tier="tx"))
    assert [(row["text"], row["audio"]["offset"], row["seconds"]) for row in rows] == [("ñuka wasi", 0.5, 0.75)]
    assert [row["text"] for row in _all(load_corpus([str(tmp_path)], "qu", tier="ge"))] == ["my house"]


def test_times_without_a_value_and_the_origin_of_a_recording(tmp_path: Path, voice: Voice) -> None:
    for name in ("a.wav", "a.mp4"):
        (tmp_path / name).write_bytes(voice(0, 5.0))
    eaf = Eaf()
    eaf.add_linked_file("file:///a.mp4", relpath="./a.mp4", mimetype="video/mp4")
    eaf.add_linked_file("file:///a.wav", relpath="./a.wav", mimetype="audio/x-wav", time_origin=250)
    eaf.add_tier("tx")
    for start, end, text in ((500, 1000, "shuk"), (1000, 1500, "ishkay"), (2000, 2500, "kimsa")):
        eaf.add_annotation("tx", start, end, text)
    unaligned = next(begin for begin, _, text, _ in eaf.tiers["tx"][0].values() if text == "ishkay")
    eaf.timeslots[unaligned] = None
    eaf.to_file(str(tmp_path / "a.eaf"))
    corpus = load_corpus([str(tmp_path)], "qu")
    rows = _all(corpus)
    assert [(row["audio"]["offset"], row["text"]) for row in rows][-1] == (2.25, "kimsa")
    assert {Path(row["audio"]["path"]).name for row in rows} == {"a.wav"}
    assert [(row.reason, row.detail) for row in corpus.skipped] == [("no such piece", "not aligned")]


def test_praat_intervals_but_not_those_that_elan_exported(tmp_path: Path, voice: Voice) -> None:
    for name in ("a.wav", "b.WAV"):
        (tmp_path / name).write_bytes(voice(0, 5.0))
    _praat(tmp_path / "b.TextGrid", {"words": PIECES[:2]}, 5.0)
    assert [row["text"] for row in _all(load_corpus([str(tmp_path)], "qu"))] == ["wañushka", "ñuka wasi"]
    _elan(tmp_path / "a.eaf", {"words": PIECES}, "a.wav")
    _praat(tmp_path / "a.TextGrid", {"words": PIECES[:2]}, 5.0)
    assert len(_all(load_corpus([str(tmp_path)], "qu"))) == 4


def test_alignments_beside_texts_are_left_alone(tmp_path: Path, voice: Voice) -> None:
    (tmp_path / "b.wav").write_bytes(voice(0, 5.0))
    (tmp_path / "b.txt").write_text("wañushka ñuka wasi")
    _praat(tmp_path / "b.TextGrid", {"words": PIECES[:2], "phones": PIECES[:1]}, 5.0)
    assert [row["text"] for row in _all(load_corpus([str(tmp_path)], "qu"))] == ["wañushka ñuka wasi"]
    assert len(_all(load_corpus([str(tmp_path)], "qu", tier="words"))) == 2
    (tmp_path / "b.TextGrid").unlink()
    with pytest.raises(SettingsError, match="there are no ELAN or Praat files"):
        load_corpus([str(tmp_path)], "qu", tier="words")


def test_what_cannot_be_used_is_listed(tmp_path: Path, voice: Voice) -> None:
    (tmp_path / "a.wav").write_bytes(voice(0, 5.0))
    _elan(tmp_path / "a.eaf", {"tx": PIECES}, "a.wav")
    _elan(tmp_path / "b.eaf", {"tx": PIECES[:1]}, "b.wav")
    (tmp_path / "c.eaf").write_text("<ANNOTATION_DOCUMENT")
    _elan(tmp_path / "d.eaf", {"tx": [(1.0, 2.0, "kimsa")]}, "a.wav")
    corpus = load_corpus([str(tmp_path)], "qu")
    assert [(row.id, row.reason) for row in corpus.skipped] == [
        ("c.eaf", "unreadable"),
        ("b@0:0.500", "missing file"),
    ]


def test_links_do_not_lead_out_of_the_folder(tmp_path: Path, voice: Voice) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (tmp_path / "secret.wav").write_bytes(voice(0, 5.0))
    (tmp_path / "secret.eaf").write_text("")
    (folder / "b.eaf").symlink_to(tmp_path / "secret.eaf")
    _elan(folder / "a.eaf", {"tx": PIECES}, "../secret.wav")
    with pytest.raises(DataError, match="2 missing file"):
        load_corpus([str(folder)], "qu")


@pytest.mark.parametrize("name", ["a.eaf", "a.TextGrid"])
def test_a_broken_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("<ANNOTATION_DOCUMENT")
    with pytest.raises(DataError, match=rf"1 unreadable.*{name}"):
        load_corpus([str(tmp_path)], "qu")


def test_no_text_at_all(tmp_path: Path, voice: Voice) -> None:
    (tmp_path / "a.wav").write_bytes(voice(0, 5.0))
    _elan(tmp_path / "a.eaf", {"tx": [(0.0, 1.0, " ")]}, "a.wav")
    with pytest.raises(DataError, match="interval with text"):
        load_corpus([str(tmp_path)], "qu")

"""What of a teacher's writing is learnt from, and that the table says the same when it is read again."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny import EXTRACTOR, VOCABULARY, tiny_model, tiny_rows

from hf_speech_tl.corpora import samples
from hf_speech_tl.decoding import recognise
from hf_speech_tl.errors import RunError
from hf_speech_tl.models import Checkpoint
from hf_speech_tl.settings import SelftrainSettings
from hf_speech_tl.stages.pseudo_labels import PseudoLabel, choose, read_labels, reasons_of, write_down, write_labels


def _settings(**changes: object) -> SelftrainSettings:
    return SelftrainSettings(lang="it", data=("a",), unlabelled=("b",), model="m", **changes)  # type: ignore[arg-type]


def _label(text: str = "ab", confidence: float = 0.5, ratio: float = 1.0, reason: str = "") -> PseudoLabel:
    return PseudoLabel("id", "source", 1.0, text, confidence, ratio, 0.0, reason)


def _chosen(labels: list[PseudoLabel], **changes: object) -> list[PseudoLabel]:
    return choose(labels, _settings(**changes), VOCABULARY, lambda seconds: round(10 * seconds))


def test_each_filter_has_its_reason() -> None:
    labels = [
        _label(reason="truncated"),
        _label(text=""),
        _label(ratio=2.01),
        _label(ratio=0.49),
        _label(confidence=0.29),
        _label(text="abxa"),
        _label(text="aabbaabb"),  # 8 letters and 4 repeats, 10 frames
        _label(),
    ]
    assert [label.reason for label in _chosen(labels, keep=1, min_confidence=0.3)] == [
        "truncated",
        "nothing written",
        "too many symbols a second",
        "too few symbols a second",
        "below --min-confidence",
        "symbols of more than a character",
        "more labels than frames",
        "",
    ]


@pytest.mark.parametrize(("keep", "kept"), [(1, [0, 1, 2, 3, 4]), (0.6, [0, 2, 4]), (0.4, [0, 4]), (0.01, [4])])
def test_the_most_confident_share_of_what_passes_is_kept(keep: float, kept: list[int]) -> None:
    labels = [_label(confidence=sure) for sure in (0.6, 0.2, 0.5, 0.5, 0.9)]
    labels += [_label(text="", confidence=1.0)] * 5
    assert [at for at, label in enumerate(_chosen(labels, keep=keep)) if label.kept] == kept


def test_trust_is_the_confidence_or_alike() -> None:
    labels = [_label(confidence=0.25), _label(text="")]
    assert [label.trust for label in _chosen(labels, keep=1)] == [0.25, 0.0]
    assert [label.trust for label in _chosen(labels, keep=1, trust="alike")] == [1.0, 0.0]


def test_the_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    labels = [_label('a "b", c\nd', 0.123456), _label("", 0.0, 1e-6, "nothing written")]
    write_labels(labels, tmp_path / "table.csv")
    assert read_labels(tmp_path / "table.csv") == labels and [*tmp_path.iterdir()] == [tmp_path / "table.csv"]
    assert reasons_of(labels) == {"nothing written": 1}


@pytest.mark.parametrize("harm", ["id,source\na,b\n", 'id,"sour', "id,source,seconds,text\na,b,long,c\n"])
def test_a_damaged_table_is_told_with_what_to_do(harm: str, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(harm)
    with pytest.raises(RunError, match=r"table\.csv: is damaged .* remove it: it is then written anew"):
        read_labels(tmp_path / "table.csv")


def test_paces_are_compared_within_a_language() -> None:
    rows = tiny_rows((1.0, 2.0), ("ab", "d"))
    labelled = tiny_rows((1.0, 1.0, 1.0, 1.0), ("ab", "abab", "ababab", "d" * 40))
    labelled = labelled.map(lambda row: {"lang": "es" if row["text"][0] == "d" else "it"})
    model = tiny_model()
    teacher = Checkpoint("teacher", model, EXTRACTOR, VOCABULARY, fresh=False)
    heard = recognise(model, EXTRACTOR, VOCABULARY, lambda at: samples(rows[at]["audio"]), rows["seconds"][:])
    for label, one, seconds in zip(
        write_down(teacher, VOCABULARY, rows, labelled, lambda *_: None), heard, (1.0, 2.0), strict=True
    ):
        assert label.confidence == pytest.approx(one.confidence, abs=1e-6)
        assert label.text == " ".join(one.text.split()) and label.seconds == seconds
        assert label.length_ratio == pytest.approx(len(label.text) / seconds / 4, abs=1e-6)  # the median of Italian

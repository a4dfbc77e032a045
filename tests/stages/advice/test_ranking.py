"""From figures to an order, and from an order to what it would have cost."""

from __future__ import annotations

import pytest

from hf_speech_tl.stages.advice.ranking import CAUTION, CRITERIA, Evidence, Figure, Recommendation, check, describe

_BY = {one.key: one for one in CRITERIA}


def _evidence(name: str, **figures: float) -> Evidence:
    return Evidence(name, {key: Figure(value) for key, value in figures.items()})


@pytest.fixture
def found() -> Recommendation:
    """Sounds and hours disagree; only one candidate was probed."""
    return Recommendation(
        "pl=x",
        (
            _evidence("a", sounds=0.3, hours=9.0),
            _evidence("b", sounds=0.1, hours=5.0, probe=0.5),
            _evidence("c", sounds=0.2, hours=1.0),
        ),
        ("a note",),
    )


def test_what_tells_of_all_decides(found: Recommendation) -> None:
    assert found.order_by(_BY["sounds"]) == ["b", "c", "a"]
    assert found.order_by(_BY["hours"]) == ["a", "b", "c"]  # more is better
    assert [one.key for one in found.counted] == ["sounds", "hours"]
    assert found.mean_ranks == {"a": 2.0, "b": 1.5, "c": 2.5}
    assert found.order == ["b", "a", "c"]


def test_equal_figures_share_their_places() -> None:
    found = Recommendation(
        "x", tuple(_evidence(name, sounds=value) for name, value in zip("abc", (2, 1, 2), strict=True))
    )
    assert found.mean_ranks == {"a": 2.5, "b": 1.0, "c": 2.5}
    assert "by sounds: b > a = c" in describe(found)


def test_where_nothing_tells_of_all_there_is_no_order() -> None:
    found = Recommendation("x", (_evidence("a", sounds=0.1), _evidence("b", probe=0.1)))
    assert (found.order, found.mean_ranks, check(found, {"a": 0.1, "b": 0.2})) == ([], {}, [])
    assert "overall: no criterion tells of all" in describe(found)


def test_an_order_is_checked_by_what_was_reached(found: Recommendation) -> None:
    verdicts = check(found, {"a": 0.2, "b": 0.25, "c": 0.4})
    assert [(one.by, one.choice, one.hit, round(one.lost, 3)) for one in verdicts] == [
        ("overall", "b", False, 0.05),
        ("sounds", "b", False, 0.05),
        ("hours", "a", True, 0.0),
    ]
    lines = describe(found, verdicts).splitlines()
    assert "overall: missed, b reached 25.0 %, 5.0 points of CER above a" in lines
    assert "hours: hit, a reached the lowest CER, 20.0 %" in lines


def test_the_table_has_intervals_and_says_what_is_missing(found: Recommendation) -> None:
    measured = Evidence("b", {"zero_shot": Figure(0.5, 0.4, 0.6)}, ("it lacks x",))
    said = describe(Recommendation("x", (found.evidence[0], measured)))
    assert "50.0 (40.0 to 60.0)" in said and "b: it lacks x" in said and CAUTION in said
    assert "by hours: a (not counted: it does not tell of all)" in said
    lines = describe(found).splitlines()
    assert lines[2].split() == ["candidate", "sounds", "hours", "probe", "mean", "rank"]
    assert lines[3].split() == ["b", "10.0", "5.00", "50.0", "1.50"]
    assert lines[4].split() == ["a", "30.0", "9.00", "-", "2.00"]


def test_programs_get_all_of_it(found: Recommendation) -> None:
    told = found.as_json()
    assert told["order"] == ["b", "a", "c"] and told["counted"] == ["sounds", "hours"]
    assert told["orders"] == {"sounds": ["b", "c", "a"], "hours": ["a", "b", "c"], "probe": ["b"]}

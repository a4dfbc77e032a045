from __future__ import annotations

import math

import numpy as np
import pytest
import yaml

from hf_speech_tl.settings.augmentation import KINDS
from hf_speech_tl.stages.advice.gap import MEASURES, Gap, Pair, describe, find_gaps, panels

USUAL = {
    "bandwidth": (7000, 200),
    "snr": (35, 4),
    "tail": (0.05, 0.03),
    "level": (-22, 2),
    "clipped": (0, 0),
    "rate": (14, 1.5),
    "silence": (20, 5),
    "seconds": (4, 1),
}


def clips(seed: int, **changes: tuple[float, float]) -> dict[str, list[float]]:
    """100 clips whose measures lie around a mean with a deviation, the usual ones but for `changes`."""
    random = np.random.default_rng(seed)
    return {key: list(random.normal(*(changes.get(key, USUAL[key])), 100)) for key in MEASURES}


def named(gaps: list[Gap]) -> list[object]:
    return [gap.remedy.augment for gap in gaps if gap.remedy]


def test_nothing_is_named_between_clips_of_one_kind() -> None:
    for seed in range(20):
        gaps = find_gaps(clips(seed), clips(seed + 100))
        assert named(gaps) == []
        assert {gap.measure for gap in gaps} == set(MEASURES)
    assert describe(Pair("a", "b", gaps)).endswith("Nothing stands out.")


@pytest.mark.parametrize(
    ("change", "remedies"),
    [
        ({"bandwidth": (3900, 50)}, ["telephone"]),
        ({"bandwidth": (5500, 100)}, [None]),
        ({"tail": (0.4, 0.05)}, ["rir=R"]),
        ({"level": (-10, 2)}, [{"gain": {"decibels": [0, 12]}}]),
        ({"level": (-34, 2)}, [{"gain": {"decibels": [-13, 0]}}]),
        ({"rate": (16.8, 1.5)}, [{"speed": {"factors": [1.0, 1.17]}}]),
        ({"rate": (10, 1)}, [{"speed": {"factors": [0.8, 1.0]}}]),
        ({"silence": (60, 5)}, ["silence"]),
        ({"seconds": (12, 1)}, [None]),
        ({"clipped": (5, 1)}, [None]),
        ({"snr": (50, 4), "tail": (-0.2, 0.03), "silence": (1, 1)}, []),
        ({"snr": (9, 1), "tail": (0.4, 0.05)}, ["rir=R", None]),
    ],
)
def test_each_gap_has_its_remedy(change: dict[str, tuple[float, float]], remedies: list[object]) -> None:
    found = named(find_gaps(clips(0), clips(1, **change), noise="N", rir="R"))
    assert sorted(map(str, found)) == sorted(map(str, remedies))


def test_noise_is_named_first_with_a_range_that_covers_the_clips() -> None:
    gaps = find_gaps(clips(0), clips(1, snr=(8, 2), bandwidth=(8000, 0), rate=(17, 1)), noise="N")
    assert gaps[0].measure == "snr"
    assert gaps[0].outside == 1.0
    entry = gaps[0].remedy.augment["noise"]
    assert entry["dir"] == "N"
    low, high = entry["snr"]
    assert low <= gaps[0].met.low < gaps[0].met.high <= high
    # Noise fills the band, and hides the pauses by which the rate of speech is measured.
    assert named(gaps)[1:] == [None]


@pytest.mark.parametrize(("learnt", "met"), [((95, 1), (70, 3)), ((80, 1), (62, 1)), ((-5, 1), (-30, 1))])
def test_noise_beyond_what_finetune_adds_is_not_named(learnt: tuple[float, float], met: tuple[float, float]) -> None:
    (gap, *_) = find_gaps(clips(0, snr=learnt), clips(1, snr=met), noise="N")
    assert gap.measure == "snr" and gap.remedy
    low, high = gap.remedy.augment["noise"]["snr"]
    assert KINDS["noise"].lowest <= low < high <= KINDS["noise"].highest


def test_a_part_of_the_clips_is_enough() -> None:
    learnt, met = clips(0), clips(1)
    met["snr"][:30] = clips(2, snr=(8, 2))["snr"][:30]
    assert len(named(find_gaps(learnt, met))) == 1
    met["snr"][10:30] = clips(2)["snr"][10:30]
    assert named(find_gaps(learnt, met)) == []


def test_of_few_clips_more_lie_outside_by_chance() -> None:
    learnt, met = clips(0), clips(1)
    met["rate"] = [14.0] * 60 + [20.0] * 40
    assert len(named(find_gaps(learnt, met))) == 1
    met["rate"] = [14.0] * 3 + [20.0] * 2
    assert named(find_gaps(learnt, met)) == []


def test_a_measure_that_no_clip_has_is_left_out() -> None:
    learnt, met = clips(0), clips(1)
    learnt["tail"] = [math.nan] * 100
    met["snr"][0] = math.nan
    gaps = {gap.measure: gap for gap in find_gaps(learnt, met)}
    assert set(MEASURES) - gaps.keys() == {"tail"}
    assert gaps["snr"].met.clips == 99


def test_the_report_ends_with_what_yaml_takes() -> None:
    met = clips(1, bandwidth=(3900, 50), snr=(9, 1))
    pair = Pair("old train", "new test", find_gaps(clips(0), met, noise="noise: #1"))
    text = describe(pair)
    assert text.startswith("new test (100 clips), for a model that learns from old train (100 clips)")
    last = text.splitlines()[-1]
    assert yaml.safe_load(last) == {"augment": pair.augment}
    assert "add mask" in last  # which a list without it leaves out
    assert all(measure.title in text for measure in MEASURES.values())


def test_every_set_has_its_place_in_every_panel() -> None:
    gaps = find_gaps(clips(0), clips(1, snr=(9, 1)))
    drawn = panels([Pair("train", "test", gaps), Pair("source", "train", find_gaps(clips(2), clips(0)))])
    assert len(drawn) == len(MEASURES)
    assert [(name, marked) for name, _, marked in drawn["SNR, dB"]] == [
        ("source", False),
        ("train", False),
        ("test", True),
    ]

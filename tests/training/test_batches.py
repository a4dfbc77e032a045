import numpy as np
import pytest

from hf_speech_tl.training import Batches

_SECONDS = np.random.default_rng(0).gamma(4, 1.2, 500).tolist()


def _padded(batch: list[int]) -> float:
    return len(batch) * max(_SECONDS[row] for row in batch)


def test_batches_hold_their_seconds_and_hardly_any_padding() -> None:
    batches = Batches(_SECONDS, 40.0, seed=0)
    batches.count = batches.per_epoch()
    found = list(batches)
    assert sorted(row for batch in found for row in batch) == list(range(500))
    assert max(_padded(batch) for batch in found) <= 40.0 * 1.05  # jitter brings some longer clips in
    assert sum(_SECONDS) / sum(_padded(batch) for batch in found) > 0.85


@pytest.mark.parametrize("clips", range(160, 200, 3))
def test_no_step_is_left_with_few_clips(clips: int) -> None:
    batches = Batches(_SECONDS[:clips], 40.0, seed=0)
    batches.count = batches.per_epoch()
    work = [_padded(batch) for batch in batches]
    assert min(work) > max(work) / 2


def test_a_longer_clip_is_a_batch_of_its_own() -> None:
    assert sorted(sorted(batch) for batch in Batches([1.0, 50.0, 1.0], 10.0, seed=0, count=2)) == [[0, 2], [1]]


def test_the_seed_decides_and_epochs_differ() -> None:
    run = list(Batches(_SECONDS, 40.0, seed=3, count=200))
    assert run == list(Batches(_SECONDS, 40.0, seed=3, count=200))
    assert run != list(Batches(_SECONDS, 40.0, seed=4, count=200))
    epoch = Batches(_SECONDS, 40.0, seed=3).per_epoch()
    assert run[:epoch] != run[epoch : 2 * epoch]


@pytest.mark.parametrize("start", [0, 1, 70, 199, 200])
def test_a_resumed_run_goes_on_where_it_stopped(start: int) -> None:
    run = list(Batches(_SECONDS, 40.0, seed=3, count=200))
    assert list(Batches(_SECONDS, 40.0, seed=3, count=200, start=start)) == run[start:]


@pytest.mark.parametrize("start", [0, 1, 50, 133, 999])
def test_any_position_of_any_epoch_is_found_by_planning_that_epoch_alone(start: int, monkeypatch) -> None:
    run = list(Batches(_SECONDS, 40.0, seed=3, count=1000, accumulation=3, weights=[1.5] * 500))
    planned = []
    plan = Batches._epoch
    monkeypatch.setattr(Batches, "_epoch", lambda self, epoch: planned.append(epoch) or plan(self, epoch))
    resumed = Batches(_SECONDS, 40.0, seed=3, count=1000, start=start, accumulation=3, weights=[1.5] * 500)
    first = next(iter(resumed))
    assert first == run[start] and planned == [start // resumed.per_epoch()]


def _steps(processes: int, accumulation: int, batch_seconds: float = 60.0, **more) -> list[list[list[list[int]]]]:
    """The rows of two epochs by step, micro-batch and process."""
    shares = []
    for process in range(processes):
        cut = {"process": process, "processes": processes, "accumulation": accumulation}
        share = Batches(_SECONDS, batch_seconds, 0, **cut, **more)
        share.count = 2 * share.per_epoch()
        shares.append(list(share))
    assert len({len(share) for share in shares}) == 1
    micro_batches = list(zip(*shares, strict=True))
    return [micro_batches[at : at + accumulation] for at in range(0, len(micro_batches), accumulation)]


@pytest.mark.parametrize(("processes", "accumulation"), [(2, 1), (3, 1), (8, 1), (1, 3), (2, 2)])
def test_a_step_is_the_same_however_it_is_cut_and_an_epoch_has_every_row_once(
    processes: int, accumulation: int
) -> None:
    whole = [sorted(step[0][0]) for step in _steps(1, 1, 200.0)]
    cut = _steps(processes, accumulation, 200.0)
    assert [sorted(row for micro in step for share in micro for row in share) for step in cut] == whole
    half = len(whole) // 2
    for epoch in (whole[:half], whole[half:]):
        assert sorted(row for step in epoch for row in step) == list(range(500))


@pytest.mark.parametrize("processes", [2, 3, 8])
def test_processes_work_equally_long(processes: int) -> None:
    work = [[[_padded(share) for share in micro] for micro in step] for step in _steps(processes, 1, 40.0 * processes)]
    assert np.mean([max(micro) / (sum(micro) / processes) for step in work for micro in step]) < 1.15


def test_with_fewer_clips_than_pieces_everybody_still_has_one() -> None:
    for rows in (1, 5, 13):
        shares = [Batches([2.0] * rows, 1.0, 0, 8, process=p, processes=2, accumulation=2) for p in range(2)]
        batches = [batch for share in shares for batch in share]
        assert len(batches) == 16 and all(batches)
        assert {row for batch in batches for row in batch} == set(range(rows))


def test_where_attention_weighs_steps_of_long_clips_hold_fewer_seconds() -> None:
    def padded(quadratic: float) -> tuple[float, float, float]:
        steps = [step[0][0] for step in _steps(1, 1, 120.0, quadratic=quadratic)]
        by_length = sorted(steps, key=lambda step: max(_SECONDS[row] for row in step))
        assert max(_cost(step, quadratic) for step in steps) <= 1.1 * 120 * (1 + np.mean(_SECONDS) / quadratic)
        return _padded(by_length[0]), _padded(by_length[len(steps) // 2]), _padded(by_length[-3])

    assert np.ptp(padded(np.inf)) < 30
    short, typical, long = padded(8.0)
    assert long < 80 < typical < 120 < short


def _cost(batch: list[int], quadratic: float) -> float:
    longest = max(_SECONDS[row] for row in batch)
    return len(batch) * longest * (1 + longest / quadratic)


def test_ten_million_rows_are_arrays_of_few_bytes() -> None:
    batches = Batches(np.ones(1000, np.float32), 10.0, 0, 1)
    rows, copies, steps = batches._epoch(0)
    assert (rows.dtype, batches._lengths.dtype) == (np.int32, np.float32)
    assert (
        batches._lengths is batches.seconds
        and rows.nbytes + copies.nbytes + steps.nbytes + batches._bounds.nbytes < 9 * 1000
    )


def test_weights_say_how_often_an_epoch_holds_a_row() -> None:
    weights = [0.25] * 200 + [1.0] * 200 + [2.5] * 100
    batches = Batches(_SECONDS, 40.0, seed=0, weights=weights)
    batches.count = batches.per_epoch()
    first = np.bincount([row for batch in batches for row in batch], minlength=500)
    assert 30 <= first[:200].sum() <= 70 and set(first[:200]) == {0, 1}
    assert set(first[200:400]) == {1} and set(first[400:]) == {2, 3} and 220 <= first[400:].sum() <= 280
    run = list(Batches(_SECONDS, 40.0, seed=0, count=3 * batches.count, weights=weights))
    later = {row for batch in run[batches.count : 2 * batches.count] for row in batch if row < 200}
    assert later != set(np.flatnonzero(first[:200]))
    start = batches.count + 3
    resumed = Batches(_SECONDS, 40.0, seed=0, count=3 * batches.count, start=start, weights=weights)
    assert list(resumed) == run[start:]


def test_several_of_one_row_are_spread_over_the_steps_of_an_epoch() -> None:
    batches = Batches(_SECONDS, 40.0, seed=0, weights=[3.0] * len(_SECONDS))
    batches.count = batches.per_epoch()
    steps = [np.unique(batch, return_counts=True)[1] for batch in batches]
    different, all_of_them = sum(map(len, steps)), sum(map(sum, steps))
    assert different > 0.8 * all_of_them


def test_the_smallest_weights_leave_a_row() -> None:
    assert all(len(batch) == 1 for batch in Batches([1.0, 1.0], 10.0, seed=0, count=9, weights=[1e-9, 1e-9]))

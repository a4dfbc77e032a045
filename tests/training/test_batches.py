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
    assert max(_padded(batch) for batch in found) <= 40.0
    assert sum(_SECONDS) / sum(_padded(batch) for batch in found) > 0.85


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


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_share_the_work_in_steps_of_equal_length(processes: int) -> None:
    count = Batches(_SECONDS, 20.0, 0, processes=processes).per_epoch()
    shares = [list(Batches(_SECONDS, 20.0, 0, count, process=p, processes=processes)) for p in range(processes)]
    assert [len(share) for share in shares] == [count] * processes
    rows = [row for share in shares for batch in share for row in batch]
    assert set(rows) == set(range(500)) and len(rows) - 500 < 60
    steps = [[_padded(batch) for batch in step] for step in zip(*shares, strict=True)]
    assert np.mean([max(step) / min(step) for step in steps]) < 1.3


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


def test_the_smallest_weights_leave_a_row() -> None:
    assert list(Batches([1.0, 1.0], 10.0, seed=0, count=2, weights=[1e-9, 1e-9])) == [[0], [0]]

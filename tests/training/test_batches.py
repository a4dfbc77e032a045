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

import numpy as np
import pytest

from hf_speech_tl.training import StreamedBatches

_GROUPS = np.repeat(np.arange(120), np.random.default_rng(1).integers(5, 16, 120))
_SECONDS = np.random.default_rng(0).gamma(4, 1.2, len(_GROUPS)).astype(np.float32)


def _shares(processes: int, epochs: int = 1, batch_seconds: float = 30.0, **more) -> list[list[list[int]]]:
    """The micro-batches of each process; a window is some sixth of what a process has."""
    shares = []
    for process in range(processes):
        more = {"window": float(_SECONDS.sum()) / processes / 6} | more
        share = StreamedBatches(
            _SECONDS, _GROUPS, batch_seconds * processes, 3, process=process, processes=processes, **more
        )
        share.count = epochs * share.per_epoch()
        shares.append(list(share))
    return shares


def _cost(batch: list[int]) -> float:
    return len(batch) * float(_SECONDS[batch].max())


@pytest.mark.parametrize(("processes", "accumulation"), [(1, 1), (3, 1), (8, 1), (2, 3)])
def test_an_epoch_has_every_row_once_in_as_many_steps_for_all(processes: int, accumulation: int) -> None:
    shares = _shares(processes, 2, 30.0 * accumulation, accumulation=accumulation)
    assert len({len(share) for share in shares}) == 1
    half = len(shares[0]) // 2
    assert half % accumulation == 0 and all(batch for share in shares for batch in share)
    for epoch in (slice(half), slice(half, None)):
        rows = [row for share in shares for batch in share[epoch] for row in batch]
        assert sorted(rows) == list(range(len(_SECONDS)))


def test_a_group_is_read_by_one_process_and_only_while_its_window_lasts() -> None:
    shares = _shares(3)
    read = [{int(_GROUPS[row]) for batch in share for row in batch} for share in shares]
    assert sum(map(len, read)) == 120 and len(set.union(*read)) == 120
    for share in shares:
        steps = [{int(_GROUPS[row]) for row in batch} for batch in share]
        last = {group: at for at, step in enumerate(steps) for group in step}
        seen: set[int] = set()
        for at, step in enumerate(steps):
            seen |= step
            assert len({group for group in seen if last[group] >= at}) <= 8  # 40 a process, in six windows


def test_the_seed_decides_and_epochs_differ() -> None:
    (run,) = _shares(1, 2)
    assert run == _shares(1, 2)[0]
    half = len(run) // 2
    began = [{int(_GROUPS[row]) for batch in run[at : at + 8] for row in batch} for at in (0, half)]
    assert len(began[0] - began[1]) > 5  # of the 20 of a window: its company changes, not its order alone
    other = StreamedBatches(_SECONDS, _GROUPS, 30.0, 4, count=half, window=float(_SECONDS.sum()) / 6)
    assert len(list(other)) == half and list(other) != run[:half]


@pytest.mark.parametrize("start", [0, 1, 37, 100, 101, 150, 199, 200])
def test_any_position_is_found_by_planning_its_window_alone(start: int, monkeypatch) -> None:
    more = {"process": 1, "processes": 2, "accumulation": 2, "window": 300.0}
    run = list(StreamedBatches(_SECONDS, _GROUPS, 120.0, 3, count=200, **more))
    planned = []
    plan = StreamedBatches._window
    monkeypatch.setattr(StreamedBatches, "_window", lambda self, *asked: planned.append(asked) or plan(self, *asked))
    resumed = iter(StreamedBatches(_SECONDS, _GROUPS, 120.0, 3, count=200, start=start, **more))
    first = next(resumed, None)
    assert len(planned) == (first is not None)
    assert [batch for batch in (first, *resumed) if batch] == run[start:]


def test_all_work_about_equally_long_and_hardly_any_of_it_is_padding() -> None:
    work = np.array([[_cost(batch) for batch in share] for share in _shares(4, 3, window=1e9)])
    assert np.mean(work.max(0) / work.mean(0)) < 1.05
    assert 3 * _SECONDS.sum() / work.sum() > 0.9
    assert work.max() < 1.15 * 30 and 25 < work.mean() < 32


def test_a_clip_longer_than_a_batch_is_one_and_leaves_the_others_as_they_are() -> None:
    seconds = np.append(np.full(400, 2.0), 90.0)
    batches = StreamedBatches(seconds, np.arange(401) // 10, 20.0, 0)
    batches.count = batches.per_epoch()
    found = list(batches)
    assert [400] in found and {len(batch) for batch in found} <= {1, 9, 10, 11}


def test_with_fewer_clips_than_pieces_everybody_still_has_one() -> None:
    shares = [StreamedBatches([2.0] * 5, range(5), 1.0, 0, 8, process=p, processes=4, accumulation=2) for p in range(4)]
    batches = [batch for share in shares for batch in share]
    assert len(batches) == 32 and all(batches) and {row for batch in batches for row in batch} == set(range(5))


def test_weights_say_how_often_an_epoch_takes_a_group() -> None:
    weights = np.array([0.25, 1.0, 2.5])[_GROUPS // 40]
    batches = StreamedBatches(_SECONDS, _GROUPS, 30.0, 0, weights=weights, window=600.0)
    once = batches.per_epoch()
    batches.count = 2 * once
    run = list(batches)
    times = np.bincount([row for batch in run[:once] for row in batch], minlength=len(_GROUPS))
    fetched = [{int(times[row]) for row in np.flatnonzero(group == _GROUPS)} for group in range(120)]
    assert all(len(group) == 1 for group in fetched)
    taken = np.array([group.pop() for group in fetched])
    assert taken[:40].sum() in (9, 10, 11) and set(taken[40:80]) == {1} and taken[80:].sum() in (99, 100, 101)
    later = {row for batch in run[once:] for row in batch if _GROUPS[row] < 40}
    assert later and later != set(np.flatnonzero(times[_GROUPS < 40]))


def test_where_attention_weighs_steps_of_long_clips_hold_fewer_seconds() -> None:
    (run,) = _shares(1, 1, 120.0, window=1e9, quadratic=8.0)
    padded = [_cost(batch) for batch in sorted(run, key=lambda batch: float(_SECONDS[batch].max()))]
    assert padded[-1] < 85 < 120 < padded[0]


def test_ten_million_rows_are_arrays_of_few_bytes() -> None:
    batches = StreamedBatches(_SECONDS, _GROUPS, 30.0, 0, 1)
    list(batches)
    assert batches._rows.dtype == np.int32 and batches._lengths is batches.seconds
    assert sum(array.nbytes for array in (batches._lengths, batches._rows)) == 8 * len(_SECONDS)

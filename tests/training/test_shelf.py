import numpy as np
import pytest

from hf_speech_tl.training import shelf
from hf_speech_tl.training.shelf import Shelf


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_BLOCK", 1000)


def _arrays() -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    samples = [generator.integers(-9, 9, count).astype(np.int16) for count in (100, 333, 0, 1700, 201)]
    return [*samples, *(generator.random((frames, 8)).astype(np.float16) for frames in (3, 40))]


def test_arrays_come_back_as_they_were_put_wherever_blocks_end() -> None:
    kept = Shelf(1e6)
    for row, array in enumerate(_arrays()):
        kept.put(row, array.copy())
    for row, array in enumerate(_arrays()):
        found = kept.get(row)
        assert found is not None and found.dtype == array.dtype and np.array_equal(found, array)
    assert 6 in kept and 7 not in kept and kept.get(7) is None


def test_they_lie_in_few_blocks_and_not_where_they_were_made() -> None:
    kept = Shelf(1e6)
    made = [np.full(100, row, np.int16) for row in range(8)]
    for row, array in enumerate(made):
        kept.put(row, array)
    blocks = {id(kept.get(row).base) for row in range(8)}  # type: ignore[union-attr]
    assert len(blocks) == 2 and not any(np.shares_memory(kept.get(row), made[row]) for row in range(8))  # type: ignore[arg-type]


def test_what_there_is_no_room_for_is_not_kept_and_smaller_ones_still_are() -> None:
    kept = Shelf(250)
    for row, count in enumerate((100, 50, 10)):
        kept.put(row, np.zeros(count, np.int16))
    assert [row in kept for row in range(3)] == [True, False, True]


def test_a_row_is_put_once() -> None:
    kept = Shelf(1e6)
    for value in (1, 2):
        kept.put(0, np.full(100, value, np.int16))
    assert kept.get(0)[0] == 1  # type: ignore[index]

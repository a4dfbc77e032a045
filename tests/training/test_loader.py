import pytest
import torch
from tiny import EXTRACTOR, VOCABULARY, tiny_rows

from hf_speech_tl.training import Batches, Clips, Loader, collator

_LENGTHS = (0.6, 0.9, 0.75, 0.5, 0.55, 0.8)
_TEXTS = ("ab", "d", "a", "b", "c", "da")


def _loader(start: int = 0) -> Loader:
    clips = Clips(tiny_rows(_LENGTHS, _TEXTS), [VOCABULARY.encode(text) for text in _TEXTS])
    return Loader(
        clips, Batches(list(_LENGTHS), 1.7, 0, count=9, start=start), collator(EXTRACTOR), torch.device("cpu")
    )


@pytest.mark.parametrize("start", [0, 4])
def test_threads_change_neither_batches_nor_their_order(start: int) -> None:
    ahead = _loader(start)
    ahead._threads = 3
    plain = list(_loader(start))
    loaded = list(ahead)
    assert [batch["ids"] for batch in loaded] == [batch["ids"] for batch in plain] and len(plain) == 9 - start
    assert all(torch.equal(one["inputs"], other["inputs"]) for one, other in zip(loaded, plain, strict=True))


def test_only_some_batches_are_loaded_ahead_and_the_rest_is_dropped_with_the_iterator() -> None:
    ahead = _loader()
    ahead._threads = 2
    asked = []
    load = ahead.dataset.load
    ahead.dataset.load = lambda row: asked.append(row) or load(row)
    batches = iter(ahead)
    next(batches)
    batches.close()
    assert len(asked) <= sum(len(rows) for rows in list(ahead.batch_sampler)[:4])


def test_an_error_in_a_thread_reaches_the_step() -> None:
    ahead = _loader()
    ahead._threads = 2
    ahead.dataset.load = lambda row: 1 / 0
    with pytest.raises(ZeroDivisionError):
        next(iter(ahead))

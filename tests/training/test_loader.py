import gc
from itertools import islice

import pytest
import torch
from tiny import EXTRACTOR, VOCABULARY, tiny_rows

from hf_speech_tl.training import Batches, Clips, Loader, StreamedBatches, collator

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
    pulses = ahead.dataset.pulses
    ahead.dataset.pulses = lambda row: asked.append(row) or pulses(row)
    batches = iter(ahead)
    next(batches)
    batches.close()
    assert len(asked) <= sum(len(rows) for rows in list(ahead.batch_sampler)[:4])


def test_an_error_in_a_thread_reaches_the_step() -> None:
    ahead = _loader()
    ahead._threads = 2
    ahead.dataset.pulses = lambda row: 1 / 0
    with pytest.raises(ZeroDivisionError):
        next(iter(ahead))


def test_a_window_of_far_recordings_is_sent_for_while_half_of_the_one_before_it_is_left(monkeypatch) -> None:
    clips = Clips(tiny_rows((0.5,) * 32, ("a",) * 32), [[1]] * 32)
    clips.far = True
    sent: list[int] = []
    monkeypatch.setattr(clips, "expect", lambda rows, alone: sent.extend(rows))
    groups = [row // 4 for row in range(32)]
    order = StreamedBatches(clips.seconds, groups, 1.0, 0, count=16, window=8.0)  # two windows of eight steps
    loaded = iter(Loader(clips, order, collator(EXTRACTOR), torch.device("cpu")))
    names = [name for batch in islice(loaded, 4) for name in batch["ids"]]
    assert names == [f"clip{row}" for row in sent[:8]]
    assert len(sent) == 2 * (4 + order.ahead()) == 16 and len({groups[row] for row in sent}) == 4
    next(loaded)
    assert len({groups[row] for row in sent}) > 4


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("far", [True, False])
def test_what_is_far_away_is_given_up_where_the_loader_ends_early_and_only_there(monkeypatch, threads, far) -> None:
    stopped: list[bool] = []
    monkeypatch.setattr("hf_speech_tl.training.loader.stop_fetching", lambda: stopped.append(True))

    def loader() -> Loader:
        made = _loader()
        made._threads = threads
        made.dataset.far = far
        monkeypatch.setattr(made.dataset, "expect", lambda rows, alone: None)
        return made

    assert len(list(loader())) == 9 and not stopped
    batches = iter(loader())
    next(batches)
    del batches
    assert bool(stopped) == far
    stopped.clear()
    broken = loader()
    broken.dataset.pulses = lambda row: 1 / 0
    with pytest.raises(ZeroDivisionError) as caught:
        next(iter(broken))
    del caught
    gc.collect()
    assert bool(stopped) == far

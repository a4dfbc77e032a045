"""What --temperature makes of the shares of languages, and that epochs really have them."""

from __future__ import annotations

import datasets
import numpy as np
import pytest

from hf_speech_tl.corpora import Corpus
from hf_speech_tl.training import Batches, language_shares, row_weights

# Seconds of each row, by source; two sources are in Italian.
_ROWS = {"a": [3.0] * 600, "b": [1.0] * 600, "c": [2.0] * 150, "d": [4.0] * 25}
_TAGS = ("it", "it", "es", "zh")
_HOURS = {"it": 2400 / 3600, "es": 300 / 3600, "zh": 100 / 3600}


def _corpus(weights: tuple[float, ...] = (1, 1, 1, 1), tags: tuple[str, ...] = _TAGS) -> Corpus:
    sources = [name for name, seconds in _ROWS.items() for _ in seconds]
    rows = datasets.Dataset.from_dict({"seconds": [one for own in _ROWS.values() for one in own], "source": sources})
    return Corpus(
        train=rows,
        validation=rows.select([]),
        test=rows.select([]),
        skipped=(),
        licenses=(),
        names=tuple(_ROWS),
        languages=tags,
        weights=weights,
        fingerprint="",
        notes=(),
    )


def _expected(temperature: float) -> dict[str, float]:
    powers = {tag: hours ** (1 / temperature) for tag, hours in _HOURS.items()}
    return {tag: power / sum(powers.values()) for tag, power in powers.items()}


def test_as_much_as_there_is_of_each() -> None:
    assert row_weights(_corpus(), 1) is None
    shares = language_shares(_corpus(), 1)
    assert {tag: one.hours for tag, one in shares.items()} == pytest.approx(_HOURS)
    assert {tag: one.share for tag, one in shares.items()} == pytest.approx(_expected(1))


@pytest.mark.parametrize("temperature", [2.0, 3.3, 1e5])
def test_a_share_is_a_power_of_the_hours(temperature: float) -> None:
    corpus = _corpus()
    shares = {tag: one.share for tag, one in language_shares(corpus, temperature).items()}
    assert shares == pytest.approx(_expected(temperature))
    if temperature == 1e5:
        assert shares == pytest.approx(dict.fromkeys(_HOURS, 1 / 3), abs=1e-4)
    weights, seconds = row_weights(corpus, temperature), np.array(corpus.train["seconds"][:])
    assert weights is not None
    assert (weights * seconds).sum() == pytest.approx(seconds.sum(), rel=1e-5)  # an epoch is as long as it was
    assert len(np.unique(weights)) == 3  # the two Italian sources are balanced as one


def test_weights_of_sources_come_on_top() -> None:
    corpus = _corpus((1, 1, 3, 1))
    assert np.array_equal(row_weights(corpus, 1), [1] * 1200 + [3] * 150 + [1] * 25)
    plain, weighted = row_weights(_corpus(), 2), row_weights(corpus, 2)
    np.testing.assert_allclose(weighted / plain, [1] * 1200 + [3] * 150 + [1] * 25, rtol=1e-6)
    tilted = _expected(2)
    tilted["es"] *= 3
    shares = {tag: one.share for tag, one in language_shares(corpus, 2).items()}
    assert shares == pytest.approx({tag: share / sum(tilted.values()) for tag, share in tilted.items()})


def test_one_language_and_languages_without_a_row_change_nothing() -> None:
    assert row_weights(_corpus(tags=("it",) * 4), 5) is None
    corpus = _corpus()
    without = Corpus(**{**vars(corpus), "train": corpus.train.select(range(1350))})  # nothing in Chinese
    assert list(language_shares(without, 2)) == ["it", "es"]
    assert np.isfinite(row_weights(without, 2)).all()


def test_epochs_have_these_shares() -> None:
    corpus = _corpus()
    seconds = np.array(corpus.train["seconds"][:])
    tags = np.repeat(_TAGS, [len(own) for own in _ROWS.values()])
    batches = Batches(seconds, 40.0, seed=0, weights=row_weights(corpus, 2))
    batches.count = 3 * batches.per_epoch()
    rows = np.concatenate(list(batches))
    for tag, share in _expected(2).items():
        assert seconds[rows[tags[rows] == tag]].sum() / seconds[rows].sum() == pytest.approx(share, abs=0.01)

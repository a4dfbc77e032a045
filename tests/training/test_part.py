"""A longer work that is asked to stop when the training of one of its parts has nothing left to stop."""

from __future__ import annotations

import pytest

from hf_speech_tl.training import Part, as_part, stop_after_part


def _work(asked_in: str | None) -> list[str]:
    """Two stages, the second of two rounds; the names of what came to its end, until the work stopped."""
    done: list[str] = []

    def train(name: str) -> None:
        if name == asked_in:
            stop_after_part()
        done.append(name)

    try:
        with as_part(Part("1 of 2", 0.0, 0.5)):
            train("first")
        with as_part(Part("2 of 2", 0.5, 1.0)):
            for at in (1, 2):
                with as_part(Part(f"round {at}", (at - 1) / 2, at / 2)):
                    train(f"round {at}")
    except KeyboardInterrupt:
        done.append("stopped")
    return done


@pytest.mark.parametrize(
    ("asked_in", "done"),
    [
        (None, ["first", "round 1", "round 2"]),
        ("first", ["first", "stopped"]),
        ("round 1", ["first", "round 1", "stopped"]),
        ("round 2", ["first", "round 1", "round 2"]),  # of which all is done
    ],
)
def test_a_part_comes_to_its_end_and_nothing_begins_after_it(asked_in: str | None, done: list[str]) -> None:
    assert _work(asked_in) == done
    assert _work(None)[-1] == "round 2"  # what was asked of one work is not asked of the next


def test_of_a_part_that_fails_the_reason_is_told() -> None:
    with pytest.raises(ZeroDivisionError), as_part(Part("1 of 2", 0.0, 0.5)):
        stop_after_part()
        _ = 1 / 0


def test_a_training_alone_has_nothing_to_stop() -> None:
    stop_after_part()
    with as_part(Part("1 of 2", 0.0, 0.5)):
        pass

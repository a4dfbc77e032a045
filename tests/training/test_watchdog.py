from hf_speech_tl.decoding import Recognition
from hf_speech_tl.training.watchdog import collapse_warning

_BLANK = [Recognition("", 0.0, 1.0), Recognition("", 0.0, 0.99)]


def test_blank_only_late_in_the_run_warns_with_a_remedy() -> None:
    warning = collapse_warning(_BLANK, 0.5)
    assert warning is not None and "--learning-rate" in warning and "99.5%" in warning


def test_the_remedy_is_named_once() -> None:
    warning = collapse_warning(_BLANK, 0.6, again=True)
    assert warning is not None and "60%" in warning and "--learning-rate" not in warning


def test_not_at_the_beginning_and_not_when_it_speaks() -> None:
    assert collapse_warning(_BLANK, 0.1) is None
    assert collapse_warning([Recognition("ab", 0.9, 0.6)], 0.5) is None

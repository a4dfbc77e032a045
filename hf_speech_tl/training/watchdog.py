"""Watches for a model that has stopped saying anything but blank."""

from __future__ import annotations

from collections.abc import Sequence

from hf_speech_tl.decoding import Recognition

_BLANK_SHARE = 0.98
_PATIENCE = 0.3  # of the run: every run from fresh weights begins with blanks


def collapse_warning(recognitions: Sequence[Recognition], progress: float, *, again: bool = False) -> str | None:
    """A line that names the remedy when, after a share `progress` of the run, the output is still blank; else None.

    again: the remedy has been named already, and the line only says that it is still so.
    """
    blank = sum(recognition.blank_share for recognition in recognitions) / max(1, len(recognitions))
    symbols = len({symbol for recognition in recognitions for symbol in recognition.text})
    if progress < _PATIENCE or (blank < _BLANK_SHARE and symbols > 1):
        return None
    if again:
        return f"after {progress:.0%} of the run it still writes almost nothing ({blank:.1%} of its frames blank)"
    return (
        f"after {progress:.0%} of the run the model writes almost nothing: {blank:.1%} of its frames are blank, which "
        f"stands for no letter ({symbols} distinct symbols). A longer run, a smaller --batch-seconds (more steps), or "
        "another --learning-rate usually help; transcripts that do not match their audio never get off this plateau."
    )

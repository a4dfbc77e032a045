"""What a model has forgotten of the languages that it was trained on before: their error, before and after."""

from __future__ import annotations

from pathlib import Path

from hf_speech_tl.errors import DataError
from hf_speech_tl.scoring import compare
from hf_speech_tl.settings import FinetuneSettings
from hf_speech_tl.stages.reading import read_test
from hf_speech_tl.stages.routes.common_units import common_units, judge_in


def measure_forgetting(before: str, after: Path, source: FinetuneSettings) -> dict[str, object] | None:
    """Scores of two models on the test split of `source`, and the paired comparison: the `gain` of `before`, which is
    what `after` has forgotten.

    source: the settings of a stage that trains on it, by which its recordings are read. Where the two write different
    units, what they write is romanised, and so are the transcripts; None where too few can be, where one writes IPA and
    the other does not, or `before` does not say what it writes or has no head.
    """
    units = common_units(before, str(after))
    if units is None:
        return None
    try:
        rows = read_test(source, before, units)
    except DataError:  # no reason to lose what all stages have made
        return None
    if not len(rows):
        return None
    old, new = judge_in(units, before, rows), judge_in(units, str(after), rows)
    return {
        "units": units,
        "before": old.scores,
        "after": new.scores,
        "forgotten": compare(old.edits, new.edits, old.spaced, rows["speaker"][:]),
    }

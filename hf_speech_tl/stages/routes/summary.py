"""The results.json of a whole, of a transfer or of seeds, which later runs replace: what of it must not go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from hf_speech_tl.errors import RunError
from hf_speech_tl.settings import TransferSettings, lay_route
from hf_speech_tl.stages.runs.wholeness import read_results

GAINS = ("gain", "low", "high", "p_value")  # of a stage's row
_OF_THE_WHOLE = ("command", "lang", "environment")  # which results.json of the last stage has otherwise


def find_loss(settings: TransferSettings) -> str | None:
    """What results.json there tells that another one of these settings would not; None where nothing would be lost:
    it is of the same stages, or of the first of them, with which nothing was compared yet."""
    directory = cast("Path", settings.output)
    earlier = earlier_results(directory)
    told = [row["directory"] for row in earlier.get("stages", ())]
    here = [leg.directory.name for leg in lay_route(settings)]
    if told == here or (told == here[: len(told)] and "ablation" not in earlier):
        return None
    return f"tells of the stages {', '.join(told)}{', and what each was worth' if 'ablation' in earlier else ''}"


def known_ablation(
    directory: Path, last: Mapping[str, object], rows: Sequence[Mapping[str, object]]
) -> dict[str, Any] | None:
    """The ablation in results.json there; None where there is none, or where it is of stages that were made anew since.

    last: the results of the last stage. rows: of all stages, without gains. Both hold scores, steps and seconds, by
    which a stage is known as the same.
    """
    earlier = earlier_results(directory)
    plain = [{key: row[key] for key in row if key not in GAINS} for row in earlier.get("stages", ())]
    same = plain == rows and all(earlier.get(key) == last[key] for key in last if key not in _OF_THE_WHOLE)
    return earlier.get("ablation") if same else None


def earlier_results(directory: Path) -> dict[str, Any]:
    """What results.json there says; nothing where there is none, or where it is damaged: the next takes its place."""
    path = directory / "results.json"
    try:
        return read_results(path) if path.is_file() else {}
    except RunError:
        return {}

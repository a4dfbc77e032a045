"""Long recordings with time-aligned tiers, as field linguists make them: ELAN (.eaf) and Praat (.TextGrid).

Each labelled interval of one tier is an utterance, a row that points into its recording.
"""

from __future__ import annotations

import fnmatch
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote

from hf_speech_tl.corpora.recordings import Listing, Row
from hf_speech_tl.corpora.sources import AUDIO
from hf_speech_tl.corpora.splits import split_of_file
from hf_speech_tl.errors import DataError, SettingsError

_FORMATS = (".eaf", ".textgrid")


@dataclass(frozen=True)
class _Interval:
    """A labelled piece of a recording, in seconds, and the tier it stands on; speaker where the tier names one."""

    tier: str
    start: float
    end: float
    text: str
    speaker: str | None


@dataclass(frozen=True)
class _Annotation:
    """A file of tiers: its intervals, and the recording they are of, relative to the corpus folder."""

    file: Path
    recording: str
    intervals: tuple[_Interval, ...]


def marks(listing: Listing) -> list[Path]:
    """The annotation files, of ELAN where there are any, else of Praat: an .eaf may have been exported to the other."""
    by_format = [[file for file in listing.files if file.suffix.lower() == suffix] for suffix in _FORMATS]
    return next((found for found in by_format if found), [])


def read(files: Sequence[Path], listing: Listing) -> tuple[list[Row], str]:
    """A row for each interval with text on the tier, or on all tiers that a pattern such as `tx@*` fits.

    Raises DataError for a file that cannot be read, SettingsError where it is not clear which tier is meant.
    """
    folder = listing.folder
    annotations = [_read(file, folder) for file in files]
    counts = Counter(interval.tier for one in annotations for interval in one.intervals)
    chosen = _choose(counts, listing.tier)
    rows = [row for one in annotations for row in _rows(one, chosen, folder)]
    kind = "ELAN" if files[0].suffix.lower() == ".eaf" else "Praat"
    # Tiers are often named after speakers, and notes travel with a pushed model.
    return rows, f"read as {kind}, {len(chosen)} of {len(counts)} tiers"


def _choose(counts: Counter[str], tier: str | None) -> set[str]:
    listed = ", ".join(f"{name} ({count})" for name, count in counts.most_common()) or "none with any text"
    if tier is None:
        if len(counts) == 1:
            return set(counts)
        raise SettingsError(f"--tier: there are several tiers: {listed}. Name the one with the transcripts.")
    if fitting := {name for name in counts if name == tier or fnmatch.fnmatchcase(name, tier)}:
        return fitting
    raise SettingsError(f"--tier {tier}: there is no such tier. The tiers are: {listed}.")


def _rows(annotation: _Annotation, chosen: set[str], folder: Path) -> list[Row]:
    within = annotation.file.relative_to(folder)
    split = split_of_file(within)
    rows = []
    for number, interval in enumerate(one for one in annotation.intervals if one.tier in chosen):
        rows.append(
            Row(
                id=f"{within.with_suffix('').as_posix()}@{interval.start:.3f}-{number}",
                name=annotation.recording,
                text=interval.text,
                # Where a pattern takes in several tiers, each is one speaker's.
                speaker=interval.speaker or (interval.tier if len(chosen) > 1 else None),
                split=split,
                offset=interval.start,
                length=interval.end - interval.start,
            )
        )
    return rows


def _read(file: Path, folder: Path) -> _Annotation:
    read: Callable[[Path], tuple[list[str], list[_Interval]]] = _elan if file.suffix.lower() == ".eaf" else _praat
    try:
        linked, intervals = read(file)
    except Exception as error:  # the libraries fail each in their own way: ParseError, KeyError, AssertionError, ...
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(f"{file.relative_to(folder)} cannot be read: {first}. Open and save it again.") from error
    return _Annotation(file, _recording(file, linked, folder), tuple(intervals))


def _recording(file: Path, linked: Sequence[str], folder: Path) -> str:
    """The recording that the file links to and that is beside it, else the one of the same name.

    Links are often absolute paths on the machine of whoever annotated: then only the name counts.
    """
    names = [name for link in linked for name in (link, PureWindowsPath(link).name)]
    names += [file.stem + suffix for suffix in sorted(AUDIO)] + [file.stem + suffix.upper() for suffix in sorted(AUDIO)]
    home = os.path.relpath(file.parent, folder)
    found = next((name for name in names if (file.parent / name).is_file()), names[0])
    return os.path.join(home, found)


def _elan(file: Path) -> tuple[list[str], list[_Interval]]:
    from pympi.Elan import Eaf

    eaf = Eaf(str(file))
    linked = []
    for descriptor in eaf.get_linked_files():
        for key in ("RELATIVE_MEDIA_URL", "MEDIA_URL"):
            linked.append(unquote(descriptor.get(key) or "").removeprefix("file://").removeprefix("./"))
    intervals = []
    for tier in eaf.get_tier_names():
        speaker = eaf.get_parameters_for_tier(tier).get("PARTICIPANT") or None
        for start, end, text, *_ in eaf.get_annotation_data_for_tier(tier):
            if text and text.strip():
                intervals.append(_Interval(tier, start / 1000, end / 1000, text.strip(), speaker))
    return [link for link in linked if link], sorted(intervals, key=lambda one: one.start)


def _praat(file: Path) -> tuple[list[str], list[_Interval]]:
    from praatio.data_classes.interval_tier import IntervalTier
    from praatio.textgrid import openTextgrid

    grid = openTextgrid(str(file), includeEmptyIntervals=False, reportingMode="silence", duplicateNamesMode="rename")
    intervals = [
        _Interval(name, entry.start, entry.end, entry.label.strip(), None)
        for name in grid.tierNames
        if isinstance(tier := grid.getTier(name), IntervalTier)
        for entry in tier.entries
        if entry.label.strip()
    ]
    return [], sorted(intervals, key=lambda one: one.start)

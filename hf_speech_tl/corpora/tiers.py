"""Long recordings with time-aligned tiers, as field linguists make them: ELAN (.eaf) and Praat (.TextGrid).

Each labelled interval of one tier is an utterance, a row that points into its recording.
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PureWindowsPath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from hf_speech_tl.corpora.recordings import Listing, Row
from hf_speech_tl.corpora.sources import AUDIO
from hf_speech_tl.corpora.splits import split_named
from hf_speech_tl.errors import DataError, SettingsError

if TYPE_CHECKING:
    from pympi.Elan import Eaf


@dataclass(frozen=True)
class _Interval:
    """A labelled piece of a recording, in seconds (None where ELAN has not aligned it), and the tier it stands on.

    speaker: the tier's participant, where it names one.
    """

    tier: str
    start: float | None
    end: float | None
    text: str
    speaker: str | None


@dataclass(frozen=True)
class _Link:
    """A recording that an annotation file names, and where in it the annotation's time begins, in seconds."""

    name: str
    origin: float


def marks(listing: Listing) -> list[Path]:
    """The annotation files: those of ELAN, and those of Praat that are not the same exported."""
    elan = [file for file in listing.files if file.suffix.lower() == ".eaf"]
    known = {file.with_suffix("") for file in elan}
    praat = [file for file in listing.files if file.suffix.lower() == ".textgrid"]
    return elan + [file for file in praat if file.with_suffix("") not in known]


def read(files: Sequence[Path], listing: Listing) -> tuple[list[Row], str]:
    """A row for each interval with text on the tier, or on all tiers that a pattern such as `tx@*` fits.

    A file that cannot be read is a row with that reason. Raises SettingsError where it is not clear which tier is
    meant, DataError where there is no interval with text.
    """
    rows: list[Row] = []
    contents: list[tuple[Path, _Link, list[_Interval]]] = []
    there = {found.relative_to(listing.folder).as_posix() for found in listing.files}
    for file in files:
        try:
            links, intervals = _READERS[file.suffix.lower()](file)
        except Exception as error:  # the libraries fail each in their own way: ParseError, KeyError, AssertionError
            within = file.relative_to(listing.folder).as_posix()
            first = next(iter(str(error).splitlines()), type(error).__name__)
            rows.append(Row(within, "", reason="unreadable", detail=f"{within}: {first}"))
        else:
            contents.append((file, _recording(file.relative_to(listing.folder), links, there), intervals))
    counts = Counter(interval.tier for _, _, intervals in contents for interval in intervals)
    if contents and not counts:
        raise DataError(
            f"{listing.folder.name}: no tier of its {len(files)} annotation files has an interval with text."
        )
    chosen = _choose(counts, listing.tier) if contents else set()
    for file, link, intervals in contents:
        rows += _rows(file, link, [one for one in intervals if one.tier in chosen], listing.folder, len(chosen) > 1)
    # Tiers are often named after speakers, and notes travel with a pushed model.
    return rows, f"read as ELAN or Praat, {len(chosen)} of {len(counts)} tiers"


def _choose(counts: Counter[str], tier: str | None) -> set[str]:
    listed = ", ".join(f"{name} ({count})" for name, count in counts.most_common())
    if tier is None and len(counts) > 1:
        raise SettingsError(f"--tier: there are several tiers: {listed}. Name the one with the transcripts.")
    if tier is None or tier in counts:
        return set(counts) if tier is None else {tier}
    if fitting := {name for name in counts if fnmatch.fnmatchcase(name, tier)}:
        return fitting
    raise SettingsError(f"--tier {tier}: there is no such tier. The tiers are: {listed}.")


def _rows(file: Path, link: _Link, intervals: Sequence[_Interval], folder: Path, several: bool) -> list[Row]:
    within = file.relative_to(folder)
    split = next((found for part in (within.stem, *within.parts[:-1]) if (found := split_named(part))), None)
    rows = []
    for number, one in enumerate(intervals):
        name = f"{within.with_suffix('').as_posix()}@{number}"
        # Where a pattern takes in several tiers, each is one speaker's.
        speaker = one.speaker or (one.tier if several else None)
        if one.start is None or one.end is None:
            rows.append(Row(name, link.name, one.text, speaker, split, reason="no such piece", detail="not aligned"))
            continue
        start = one.start + link.origin
        rows.append(Row(f"{name}:{start:.3f}", link.name, one.text, speaker, split, start, one.end - one.start))
    return rows


def _recording(file: PurePath, links: Sequence[_Link], there: set[str]) -> _Link:
    """The recording that the file links to, else the one of the same name, by what lies in the corpus folder, `there`.

    Links are often absolute paths on the machine of whoever annotated: then only the name counts.
    """
    for link in links:
        for name in (link.name, PureWindowsPath(link.name).name):
            if (path := posixpath.normpath(posixpath.join(file.parent.as_posix(), name))) in there:
                return _Link(path, link.origin)
    same = [file.with_suffix(spelt).as_posix() for suffix in sorted(AUDIO) for spelt in (suffix, suffix.upper())]
    return _Link(next((path for path in same if path in there), file.with_suffix(".wav").as_posix()), 0.0)


def _elan(file: Path) -> tuple[list[_Link], list[_Interval]]:
    from pympi.Elan import Eaf

    if not file.is_file():  # a pipe would wait for ever
        raise DataError(f"{file.name} is not a file.")
    eaf = Eaf(str(file))
    links = []
    # A video is often linked before its sound.
    for medium in sorted(eaf.get_linked_files(), key=lambda one: not str(one.get("MIME_TYPE")).startswith("audio")):
        origin = float(medium.get("TIME_ORIGIN") or 0) / 1000
        for key in ("RELATIVE_MEDIA_URL", "MEDIA_URL"):
            if url := unquote(medium.get(key) or "").removeprefix("file://").removeprefix("./"):
                links.append(_Link(url, origin))
    intervals = []
    for tier in eaf.get_tier_names():
        speaker = eaf.get_parameters_for_tier(tier).get("PARTICIPANT") or None
        for (start, end), text in _labels(eaf, tier).items():
            if text:
                intervals.append(_Interval(tier, _seconds(eaf, start), _seconds(eaf, end), text, speaker))
    return links, sorted(intervals, key=lambda one: one.start or 0.0)


def _labels(eaf: Eaf, tier: str) -> dict[tuple[str, str], str]:
    """The texts of a tier by the time slots of their aligned ancestors; several of one ancestor are joined in order.

    pympi's own method gives each word of a subdivided utterance the whole of its time.
    """
    labels: dict[tuple[str, str], list[str]] = defaultdict(list)
    for _, slots, text in _in_order(eaf, tier):
        labels[slots].append(text)
    return {slots: " ".join(filter(None, texts)) for slots, texts in labels.items()}


def _in_order(eaf: Eaf, tier: str) -> list[tuple[str, tuple[str, str], str]]:
    """Each annotation of a tier with its slots and text: siblings in the order of their chain, parents in theirs."""
    aligned, references, *_ = eaf.tiers[tier]
    found = [(name, (begin, end), (text or "").strip()) for name, (begin, end, text, _) in aligned.items()]
    if not references:
        return found
    following = {(parent, previous): name for name, (parent, _, previous, _) in references.items()}
    above = eaf.annotations[next(parent for parent, *_ in references.values())]
    for parent, slots, _ in _in_order(eaf, above):
        name = following.get((parent, None))
        while name is not None:
            found.append((name, slots, (references[name][1] or "").strip()))
            name = following.pop((parent, name), None)
    return found


def _seconds(eaf: Eaf, slot: str) -> float | None:
    milliseconds = eaf.timeslots[slot]
    return None if milliseconds is None else milliseconds / 1000


def _praat(file: Path) -> tuple[list[_Link], list[_Interval]]:
    from praatio.data_classes.interval_tier import IntervalTier
    from praatio.textgrid import openTextgrid

    if not file.is_file():
        raise DataError(f"{file.name} is not a file.")
    grid = openTextgrid(str(file), includeEmptyIntervals=False, reportingMode="silence", duplicateNamesMode="rename")
    intervals = [
        _Interval(name, entry.start, entry.end, entry.label.strip(), None)
        for name in grid.tierNames
        if isinstance(tier := grid.getTier(name), IntervalTier)
        for entry in tier.entries
        if entry.label.strip()
    ]
    return [], sorted(intervals, key=lambda one: one.start or 0.0)


_READERS: dict[str, Callable[[Path], tuple[list[_Link], list[_Interval]]]] = {".eaf": _elan, ".textgrid": _praat}

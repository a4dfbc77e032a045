"""Which recordings are fit to train on or to be judged by; the others are listed with their reasons."""

from __future__ import annotations

import functools
import os
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import datasets
import numpy as np

from hf_speech_tl.audio import BadAudio
from hf_speech_tl.corpora.far import are_far, expect
from hf_speech_tl.corpora.files import Progress
from hf_speech_tl.corpora.remote import stop_fetching
from hf_speech_tl.corpora.skipped import Skipped, reasons
from hf_speech_tl.corpora.table import SPLITS, Corpus, column, digest, samples, select, with_columns, without
from hf_speech_tl.corpora.verdicts import Fault, keep_verdicts, read_verdicts, verdicts_file
from hf_speech_tl.errors import DataError
from hf_speech_tl.languages import NORMALISER_VERSION, Language, Unspeakable, find_language, is_chinese, transcript

# Decoding runs at some 800 times real time on a processor. Beyond an hour in all, the wait for the first step would
# grow with the data: then a bad clip is found when a training batch first needs it, and another one taken instead, and
# `hear` finds those of the other splits before they are scored. A sample tells at once where most of a split is bad.
_DECODED_HOURS = 1
_SAMPLE = 50
# Unicode's category Cc, but for tab and the ends of lines.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_FRAMES = 2  # that a clip without a transcript has at least: of one alone no other can be told
# Characters as they are written, in all and for each second: no speaker comes near. Normalising takes seconds for some
# thousand digits, and hours for a book in one cell.
_WRITTEN, _WRITTEN_A_SECOND = 1_000, 50
_REMEMBERED = 50_000  # transcripts: enough for lists of words, and of sentences few come again
_TOGETHER = 64  # clips held in memory at once while they are decoded
_THREADS = os.cpu_count() or 1


def screen(
    corpus: Corpus,
    units: str,
    *,
    max_seconds: float,
    min_seconds: float,
    frames_of: Callable[[float], int],
    threads: int = _THREADS,
    simplify: bool = False,
    labelled: bool = True,
    progress: Progress | None = None,
) -> Corpus:
    """`corpus` with a column `transcript`, in `units` or those that a source has of its own, without the rows that
    cannot be used; those join `skipped`.

    Each transcript is normalised as its own language asks; `simplify` is for those in Chinese.

    Left out are rows whose transcript is missing, damaged, unspeakable, empty or far too long, whose audio is longer
    than `max_seconds` or shorter than `min_seconds`, or gives fewer frames (`frames_of` seconds) than CTC needs for the
    labels; and those that decoding in `threads` threads finds truncated, not finite, silent or empty: all of them where
    the corpus has up to an hour, else those of a sample, and `hear` finds the others. Unless `labelled`, a row without
    a transcript that can be used stays, and has None there. `progress` hears how many recordings of how many are
    decoded. Raises DataError where more than half of a split, or of its sample, is bad.
    """
    splits: dict[str, datasets.Dataset] = {name: getattr(corpus, name) for name in SPLITS}
    seconds = {name: column(rows, "seconds") for name, rows in splits.items()}
    texts = {name: _transcripts(rows, seconds[name], units, corpus.written, simplify) for name, rows in splits.items()}
    if not labelled:
        for name in SPLITS:
            pairs = zip(seconds[name], texts[name], strict=True)
            texts[name] = [None if _text_fault(text, length, frames_of) else text for length, text in pairs]
    faults = {name: _by_header(seconds[name], texts[name], max_seconds, min_seconds, frames_of) for name in SPLITS}
    notes = corpus.notes
    left = {name: [i for i in range(len(rows)) if i not in faults[name]] for name, rows in splits.items()}
    hours = sum(seconds[name][index] for name in SPLITS for index in left[name]) / 3600
    heard = SPLITS if hours <= _DECODED_HOURS else ()
    if not heard:
        notes += (f"{hours:.0f} h: checked by their headers, and decoded only when they are needed",)
        # What is far away comes in row groups, of which each of a sample would want another one; and `prepare` has
        # listened to it.
        near = {name: [] if are_far(splits[name]) else all_ for name, all_ in left.items()}
        left = {name: sorted(random.Random(0).sample(all_, min(_SAMPLE, len(all_)))) for name, all_ in near.items()}
    total = sum(map(len, left.values()))
    done = 0
    for name, chosen in left.items():
        found = {}
        for index, fault in zip(chosen, _by_decoding(splits[name].select(chosen), threads), strict=True):
            done += 1
            if fault:
                found[index] = fault
            if progress:
                progress(done, total)
        if not heard:
            _refuse(_listed(splits[name], name, found), name, len(chosen))
        faults[name] |= found
    skipped = []
    for name, rows in splits.items():
        bad = _listed(rows, name, faults[name])
        _refuse(bad, name, len(rows))
        skipped += bad
    kept = {name: _kept(rows, texts[name], faults[name]) for name, rows in splits.items()}
    content = [
        (corpus.fingerprint, NORMALISER_VERSION, units, simplify),
        *((name, column(rows, "id"), column(rows, "transcript")) for name, rows in kept.items()),
    ]
    return replace(
        corpus, **kept, skipped=(*corpus.skipped, *skipped), fingerprint=digest(content), notes=notes, heard=heard
    )


def hear(
    corpus: Corpus, split: str, *, threads: int = _THREADS, again: bool = False, progress: Progress | None = None
) -> Corpus:
    """`corpus` without the rows of `split` that decoding finds bad; those join `skipped`.

    again: whether what was heard before is heard once more, for a file may have gone since. The fingerprint stays: what
    a run is trained on does not change. Raises DataError where of some rows none is left.
    """
    if split in corpus.heard and not again:
        return corpus
    skipped = inaudible(getattr(corpus, split), split, threads=threads, progress=progress)
    return replace(leave_out(corpus, split, skipped), heard=(*corpus.heard, split))


def inaudible(
    rows: datasets.Dataset, split: str, *, threads: int = _THREADS, progress: Progress | None = None
) -> list[Skipped]:
    """Those of `rows` that cannot be decoded, with their reasons. Raises DataError where that is all of them."""
    faults = {}
    for index, fault in enumerate(_by_decoding(rows, threads)):
        if fault:
            faults[index] = fault
        if progress:
            progress(index + 1, len(rows))
    skipped = _listed(rows, split, faults)
    if skipped and len(skipped) == len(rows):
        _refuse(skipped, split, len(rows))
    return skipped


def leave_out(corpus: Corpus, split: str, skipped: Sequence[Skipped]) -> Corpus:
    """`corpus` without those rows of `split`, which join the others in `skipped`."""
    rows = without(getattr(corpus, split), {row.id for row in skipped})
    return replace(corpus, **{split: rows}, skipped=(*corpus.skipped, *skipped))


def _transcripts(
    rows: datasets.Dataset, seconds: Sequence[float], units: str, written: Mapping[str, str], simplify: bool
) -> list[str | Fault | None]:
    read = functools.lru_cache(_REMEMBERED)(
        lambda text, tag, one: _transcript(text or "", find_language(tag), one, simplify)
    )
    units_of = [written.get(source, units) for source in column(rows, "source")] if written else [units] * len(rows)
    return [
        ("too much text", f"{len(text)} characters for {length:.2f} s")
        if text and len(text) > _WRITTEN + _WRITTEN_A_SECOND * length
        else read(text, tag, one)
        for text, tag, one, length in zip(column(rows, "text"), column(rows, "lang"), units_of, seconds, strict=True)
    ]


def _transcript(text: str, language: Language, units: str, simplify: bool) -> str | Fault:
    if not text.strip():
        return "no transcript", ""
    if damaged := sorted(set(_CONTROL.findall(text))):
        return "control characters", f"{', '.join(f'U+{ord(letter):04X}' for letter in damaged)} in the transcript"
    try:
        words = transcript(text, language, units, simplify=simplify and is_chinese(language))
    except Unspeakable as error:
        return "unspeakable transcript", str(error)
    return words or ("empty transcript", f"nothing is left of {text[:40]!r}")


def _by_header(
    seconds: list[float],
    texts: list[str | Fault | None],
    max_seconds: float,
    min_seconds: float,
    frames_of: Callable[[float], int],
) -> dict[int, Fault]:
    faults = {}
    for index, (length, text) in enumerate(zip(seconds, texts, strict=True)):
        if isinstance(text, tuple):
            faults[index] = text
        elif length > max_seconds:
            faults[index] = "too long", f"{length:.2f} s, --max-seconds is {max_seconds:g}; raise it, or cut at pauses"
        elif length < min_seconds:
            faults[index] = "too short", f"{length:.3f} s of at least {min_seconds:g}"
        elif text is None and (frames := frames_of(length)) < _FRAMES:
            faults[index] = (
                "too short",
                f"{length:.3f} s give this model {frames} of at least {_FRAMES} frames; cut it together with its "
                "neighbour, or leave it out",
            )
        elif fault := _text_fault(text, length, frames_of):
            faults[index] = fault
    return faults


def _text_fault(text: str | Fault | None, seconds: float, frames_of: Callable[[float], int]) -> Fault | None:
    """What is wrong with a transcript, also for audio of this length; nothing with one that is not there."""
    if not isinstance(text, str):
        return text
    frames = frames_of(seconds)
    if 2 * len(text) > frames and (needed := frames_needed(text)) > frames:
        return "more labels than frames", f"{needed} frames needed, {seconds:.2f} s give {frames}"
    return None


def frames_needed(labels: Sequence[object]) -> int:
    """Frames that CTC needs for these labels, or letters: it puts a blank between two equal ones (Graves et al. 2006),
    so that each repeat costs a frame more."""
    return len(labels) + sum(one == other for one, other in pairwise(labels))


def _by_decoding(rows: datasets.Dataset, threads: int) -> Iterator[Fault | None]:
    file = verdicts_file(rows)
    known = read_verdicts(file)
    if known is not None:
        yield from map(known.get, range(len(rows)))
        return
    found: dict[int, Fault] = {}
    recordings = rows.select_columns(["audio"])
    far = are_far(rows)
    with ThreadPoolExecutor(threads) as pool:
        try:
            for begin in range(0, len(rows), _TOGETHER):
                if far:
                    expect(rows, range(begin, min(len(rows), begin + 2 * _TOGETHER)))
                batch = recordings[begin : begin + _TOGETHER]["audio"]
                for index, fault in enumerate(pool.map(_fault, batch), begin):
                    if fault:
                        found[index] = fault
                    yield fault
        except BaseException:
            if far:  # the threads, for which the pool waits, wait for what comes from there
                stop_fetching()
            raise
    keep_verdicts(found, file)


def _fault(audio: dict[str, object]) -> Fault | None:
    try:
        samples(audio)
    except BadAudio as fault:
        return fault.reason, fault.detail
    return None


def _listed(rows: datasets.Dataset, split: str, faults: dict[int, Fault]) -> list[Skipped]:
    at_fault = rows.select(sorted(faults)).select_columns(["id", "source"])
    return [
        Skipped(row["id"], split, row["source"], *faults[index])
        for index, row in zip(sorted(faults), at_fault, strict=True)
    ]


def _refuse(skipped: list[Skipped], split: str, count: int) -> None:
    """Raises DataError where more than half of `count` rows are bad."""
    if 2 * len(skipped) > count:
        raise DataError(
            f"{len(skipped)} of {count} recordings of the {split} split cannot be used: {reasons(skipped)}. "
            f"The first is {skipped[0].id} of {skipped[0].source} ({skipped[0].detail or skipped[0].reason})."
        )


def _kept(rows: datasets.Dataset, texts: list[str | Fault | None], faults: dict[int, Fault]) -> datasets.Dataset:
    good = [index for index in range(len(rows)) if index not in faults]
    spoken = with_columns(rows, {"transcript": [text if isinstance(text, str) else None for text in texts]})
    return select(spoken, np.array(good, dtype=np.int64))

"""Recordings to be learnt from without their transcripts: what is taken of a corpus, and what was heard elsewhere."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import datasets

from hf_speech_tl.audio import BadAudio
from hf_speech_tl.corpora.files import Progress
from hf_speech_tl.corpora.skipped import Skipped
from hf_speech_tl.corpora.table import Corpus, column, pulses, with_columns

_TOGETHER = 64  # recordings held in memory at once


def forget_transcripts(corpus: Corpus) -> Corpus:
    """The training rows of `corpus` alone, as if nobody had written down what is said; its notes say what was there.

    Its validation and test rows are left out: whoever judges by them later would judge by what was learnt.
    """
    texts = column(corpus.train, "text")
    told = sum(text is not None and bool(text.strip()) for text in texts)
    names = ", ".join(corpus.names)
    notes = corpus.notes
    if told:
        notes += (f"{names}: {told} of {len(texts)} recordings have transcripts, which are not looked at",)
    if held := len(corpus.validation) + len(corpus.test):
        notes += (f"{names}: {held} recordings of its validation and test splits are left out",)
    silent = silenced(corpus.train)
    nothing = silent.select([])
    return replace(corpus, train=silent, validation=nothing, test=nothing, notes=notes)


def silenced(rows: datasets.Dataset) -> datasets.Dataset:
    """`rows` with nothing in the column of transcripts."""
    return with_columns(rows.remove_columns(["text"]), {"text": [None] * len(rows)})


def heard_elsewhere(
    rows: datasets.Dataset,
    others: Sequence[datasets.Dataset],
    progress: Progress | None = None,
    *,
    split: str = "unlabelled",
) -> list[Skipped]:
    """Those of `rows` whose samples are those of a row of `others`, under whatever name and in whatever lossless file.

    split: as which they are told. Only recordings as long as one of the others, to a millisecond, are decoded; what
    cannot be is nobody's double.
    """
    lengths = [_lengths(one) for one in others]
    known = {length for one in lengths for length in one}
    alike: dict[int, list[int]] = defaultdict(list)
    for at, length in enumerate(_lengths(rows)):
        if length in known:
            alike[length].append(at)
    places = [at for one in alike.values() for at in one]
    chosen = [[at for at, length in enumerate(one) if length in alike] for one in lengths]
    total, done = len(places) + sum(map(len, chosen)), 0
    heard: set[str] = set()
    for one, own in zip(others, chosen, strict=True):
        for print_ in _prints(one, own):
            done += 1
            heard |= {print_} - {""}
            if progress:
                progress(done, total)
    ids, sources = (rows[name] for name in ("id", "source"))
    skipped = []
    for at, print_ in zip(places, _prints(rows, places), strict=True):
        done += 1
        if print_ in heard:
            skipped.append(Skipped(ids[at], split, sources[at], "in the labelled data too"))
        if progress:
            progress(done, total)
    return skipped


def _lengths(rows: datasets.Dataset) -> list[int]:
    """In milliseconds."""
    return [round(1000 * seconds) for seconds in column(rows, "seconds")]


def _prints(rows: datasets.Dataset, places: Sequence[int]) -> Iterable[str]:
    """A hash of the samples of each of these rows, empty where they cannot be decoded."""
    recordings = rows.select_columns(["audio"])
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for begin in range(0, len(places), _TOGETHER):
            yield from pool.map(_print_of, recordings[places[begin : begin + _TOGETHER]]["audio"])


def _print_of(audio: dict[str, object]) -> str:
    try:
        return hashlib.blake2b(pulses(audio).tobytes(), digest_size=16).hexdigest()
    except BadAudio:
        return ""

"""From the sources that a user names to one corpus with three splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import datasets
import numpy as np
import pyarrow.compute as pc

from hf_speech_tl.corpora.files import Progress
from hf_speech_tl.corpora.folder import read_annotation, read_folder
from hf_speech_tl.corpora.hub import read_hub
from hf_speech_tl.corpora.licence import licences_together
from hf_speech_tl.corpora.manifest import read_manifests
from hf_speech_tl.corpora.parquet import read_parquet
from hf_speech_tl.corpora.prepared import read_prepared
from hf_speech_tl.corpora.skipped import Skipped, reasons
from hf_speech_tl.corpora.sources import Place, find_source
from hf_speech_tl.corpora.splits import SplitRow, assign_splits, shared_texts
from hf_speech_tl.corpora.spoken import language_of
from hf_speech_tl.corpora.starter import read_starter
from hf_speech_tl.corpora.table import SPLITS, Corpus, ReadRow, Recordings, digest, select, with_columns, with_same
from hf_speech_tl.corpora.unlabelled import silenced
from hf_speech_tl.errors import DataError, SettingsError
from hf_speech_tl.languages import Language
from hf_speech_tl.settings import Source


class _Row(NamedTuple):
    """A good row: its number in the table of all sources, its id, what decides its split, its offset and length."""

    number: int
    id: str
    key: SplitRow
    piece: tuple[float | None, float | None]


def load_corpus(
    sources: Sequence[str | Source],
    lang: str | None,
    *,
    text_column: str | None = None,
    tier: str | None = None,
    seed: int = 0,
    labelled: bool = True,
    divided: bool = True,
    progress: Progress | None = None,
) -> Corpus:
    """The recordings of all `sources` (what --data takes) as one corpus; nothing is decoded.

    `lang` is the language of sources that have none of their own, None where it is not said; mul where each has to
    have one. `tier` names the tier of annotated recordings that has the transcripts, `text_column` the column of
    tables, where a source has none of its own. `seed` decides which rows go where when a source has no splits of its
    own. Unless `labelled`, a source may be without transcripts, and one that says so itself is taken without; unless
    `divided`, all that no source itself calls validation or test is for training. `progress` hears how many recordings
    of how many of a source have been looked at. Raises SettingsError for a source that is not there, DataError for one
    that cannot be read, is more than half bad, or leaves nothing.
    """
    given = [source if isinstance(source, Source) else Source(source) for source in sources]
    languages = [language_of(one, lang) for one in given]
    places = _named_apart([find_source(one.source, spoken) for one, spoken in zip(given, languages, strict=True)])
    read = [
        _read(place, language, one.text_column or text_column, one.tier or tier, labelled, progress)
        for place, language, one in zip(places, languages, given, strict=True)
    ]
    if tier is not None and not any(one.tiered for one in read):
        raise SettingsError(f"--tier {tier}: there are no ELAN or Praat files in --data. Leave --tier out.")
    for one, recordings in zip(given, read, strict=True):
        if one.tier is not None and not recordings.tiered:
            raise SettingsError(
                f"data: tier {one.tier} of {one}: there are no ELAN or Praat files in it. Leave it out."
            )
    read = [
        recordings if one.labelled else replace(recordings, rows=silenced(recordings.rows))
        for one, recordings in zip(given, read, strict=True)
    ]
    tags = tuple(language.tag for language in languages)
    if len(read) == 1 and divided and given[0].mix is None and _is_clean(read[0], labelled):
        return _as_it_is(read[0], places[0].name, tags[0], given[0].weight)
    rows: list[_Row] = []
    skipped: list[Skipped] = []
    start = 0
    for one, place, tag, recordings in zip(given, places, tags, read, strict=True):
        good, bad = _sorted_out(recordings.rows, replace(one, source=place.name, lang=tag), start, labelled)
        if divided:
            _refuse_lost_split(place.name, good, bad)
        rows += good
        skipped += bad
        start += len(recordings.rows)
    rows, doubled = _told_apart(rows)
    if not rows:
        raise DataError(f"--data {' '.join(map(str, sources))}: there is no recording in it.")
    keys = [row.key for row in rows]
    mixed = {place.name: one for place, one in zip(places, given, strict=True) if one.mix is not None}
    splits, notes = assign_splits(keys, seed, mixed) if divided else ([key.split or "train" for key in keys], ())
    notes += tuple(f"{place.name}: {one.note}" for place, one in zip(places, read, strict=True) if one.note)
    if mixed:
        kept = [at for at, key in enumerate(keys) if splits[at] == "train" or key.source not in mixed]
        rows, splits, keys = [rows[at] for at in kept], [splits[at] for at in kept], [keys[at] for at in kept]
        told = ((name, f"{one.mix:.0%}", f", {one.units}," if one.units else ",") for name, one in mixed.items())
        notes += tuple(f"{name} makes up {much} of the training{how} and is for that alone" for name, much, how in told)
    if divided and (shared := shared_texts(keys, splits)):
        notes += (f"{shared} of {splits.count('test')} test transcripts also stand in the training split",)
    if any(place.layout == "starter" for place in places):
        notes += ("the starter speech is made by a synthesiser: error rates on it say nothing about people",)
    table = _one_table(places, tags, read, rows)
    numbers, homes = np.array([row.number for row in rows]), np.array(splits)
    train, validation, test = (select(table, numbers[homes == split]) for split in SPLITS)
    content = (
        (split, row.id, row.key.digest, *row.piece, row.key.text, row.key.speaker, row.key.lang)
        for row, split in zip(rows, splits, strict=True)
    )
    return Corpus(
        train,
        validation,
        test,
        skipped=(*skipped, *doubled),
        licenses=licences_together(one.licenses for one in read),
        names=tuple(place.name for place in places),
        languages=tags,
        weights=_weights(given, places, train),
        fingerprint=digest(content),
        notes=notes,
        written={name: one.units for name, one in mixed.items() if one.units},
    )


def _is_clean(recordings: Recordings, labelled: bool) -> bool:
    """Whether these are shards of all splits, and none of their rows lacks what is wanted."""
    if recordings.content is None:
        return False
    splits = pc.unique(recordings.rows.data.column("split")).to_pylist()
    return sorted(splits) == sorted(SPLITS) and not (labelled and recordings.rows.data.column("text").null_count)


def _as_it_is(recordings: Recordings, name: str, tag: str, weight: float) -> Corpus:
    """Shards alone as a corpus. No list of their rows is made, of which there may be millions."""
    rows = recordings.rows
    ends = [0]
    for split in SPLITS:
        count = pc.sum(pc.equal(rows.data.column("split"), split)).as_py()
        ends.append(ends[-1] + (count or 0))
    table = with_same(rows.select_columns(["audio", "text", "speaker", "seconds", "id"]), {"source": name, "lang": tag})
    train, validation, test = (table.select(range(*ends[at : at + 2])) for at in range(len(SPLITS)))
    return Corpus(
        train,
        validation,
        test,
        skipped=(),
        licenses=recordings.licenses,
        names=(name,),
        languages=(tag,),
        weights=(weight,),
        fingerprint=digest([(recordings.content, tag)]),
        notes=(),
    )


def _weights(given: Sequence[Source], places: Sequence[Place], train: datasets.Dataset) -> tuple[float, ...]:
    """How often an epoch holds each training row of a source: of those with a share, as often as makes that up, beside
    one pass through the others."""
    seconds: Counter[str] = Counter()
    if any(one.mix for one in given):
        for name, length in zip(train["source"][:], train["seconds"][:], strict=True):
            seconds[name] += length
    pairs = list(zip(given, places, strict=True))
    once = sum(one.weight * seconds[place.name] for one, place in pairs if one.mix is None)
    epoch = once / max(1e-9, 1 - sum(one.mix or 0.0 for one in given))
    return tuple(
        one.weight if one.mix is None else one.mix * epoch / max(1e-9, seconds[place.name]) for one, place in pairs
    )


def _named_apart(places: Sequence[Place]) -> list[Place]:
    count: Counter[str] = Counter()
    named = []
    for place in places:
        count[place.name] += 1
        named.append(place if count[place.name] == 1 else replace(place, name=f"{place.name}#{count[place.name]}"))
    return named


def _read(
    place: Place,
    language: Language,
    text_column: str | None,
    tier: str | None,
    labelled: bool,
    progress: Progress | None,
) -> Recordings:
    if place.layout == "starter":
        return read_starter(text_column)
    if place.layout == "hub":
        return read_hub(place.repo or "", place.config, text_column, progress, labelled=labelled)
    path = place.path or Path()
    if place.layout == "shards":
        return read_prepared(place.url or str(path))
    if place.layout == "parquet":
        return read_parquet(path, text_column, progress, labelled=labelled)
    if place.layout == "folder":
        return read_folder(path, language, text_column, tier, progress, labelled=labelled)
    if place.layout == "annotation":
        return read_annotation(path, language, tier, progress)
    return read_manifests([path], path.parent, text_column, progress, labelled=labelled)


def _sorted_out(rows: datasets.Dataset, source: Source, start: int, labelled: bool) -> tuple[list[_Row], list[Skipped]]:
    """The good rows of a source, numbered from `start`, and the bad ones. Raises DataError where most are bad.

    Where they are to be `labelled`, one without a transcript is bad here already, before it takes a good one's place in
    a split that is made.
    """
    good, bad = [], []
    for number, row in enumerate(_plain(rows), start):
        reason = row.reason or ("no transcript" if labelled and not (row.text or "").strip() else None)
        if reason is not None:
            bad.append(Skipped(row.id, row.split or "", source.source, reason, row.detail or ""))
            continue
        key = SplitRow(row.split, source.source, row.speaker, row.text, row.digest or "", source.lang or "")
        good.append(_Row(number, row.id, key, (row.offset, row.length)))
    if 2 * len(bad) > len(rows):
        raise DataError(
            f"--data {source}: {len(bad)} of {len(rows)} recordings cannot be used: {reasons(bad)}. "
            f"The first is {bad[0].id} ({bad[0].detail or bad[0].reason})."
        )
    return good, bad


def _refuse_lost_split(source: str, good: Sequence[_Row], bad: Sequence[Skipped]) -> None:
    """Raise DataError for a split that a source came with, and of which nothing is left: another would be made in its
    place, of rows that were never meant for it."""
    kept = {row.key.split for row in good}
    for split in ("validation", "test"):
        if split not in kept and kept & {None, "train"} and (lost := [row for row in bad if row.split == split]):
            raise DataError(
                f"--data {source}: none of the recordings of its {split} split can be used: {reasons(lost)}. Mend "
                f"them, or take them out, and a split is made of others. The first is {lost[0].id} "
                f"({lost[0].detail or lost[0].reason})."
            )


def _plain(rows: datasets.Dataset) -> Iterator[ReadRow]:
    """The rows without the bytes of their audio, which stay on the disk."""
    words = ("id", "text", "speaker", "split", "digest", "reason", "detail")
    for batch in rows.data.table.to_batches():
        columns = {name: batch.column(name) for name in words}
        columns |= {name: pc.struct_field(batch.column("audio"), name) for name in ("offset", "length")}
        for values in zip(*(column.to_pylist() for column in columns.values()), strict=True):
            yield ReadRow(**dict(zip(columns, values, strict=True)))


def _told_apart(rows: Sequence[_Row]) -> tuple[list[_Row], list[Skipped]]:
    """`rows` with an id of its own each, and those left out: the recording stood there before, or is told there.

    The same id with other audio is another recording: FLEURS numbers sentences, which several people read.
    """
    told = {(row.id, row.key.digest, row.piece) for row in rows if row.key.text}
    seen: set[tuple[object, ...]] = set()
    taken: set[str] = set()
    count: Counter[str] = Counter()
    kept, doubled = [], []
    for row in rows:
        content = (row.id, row.key.digest, row.piece)
        if content in seen or (content in told and not row.key.text):
            doubled.append(Skipped(row.id, row.key.split or "", row.key.source, "duplicate", "same id, same audio"))
            continue
        seen.add(content)
        name = row.id
        while name in taken:
            count[row.id] += 1
            name = f"{row.id}#{count[row.id] + 1}"
        taken.add(name)
        kept.append(row if name == row.id else row._replace(id=name))
    return kept, doubled


def _one_table(
    places: Sequence[Place], tags: Sequence[str], read: Sequence[Recordings], rows: Sequence[_Row]
) -> datasets.Dataset:
    """All rows of all sources with the columns of the one table, the bad ones still among them."""
    names = {row.number: row.id for row in rows}
    tables = []
    start = 0
    for place, tag, recordings in zip(places, tags, read, strict=True):
        size = len(recordings.rows)
        strings: dict[str, list[str | None]] = {
            "id": [names.get(number) for number in range(start, start + size)],
            "source": [place.name] * size,
            "lang": [tag] * size,
        }
        audio = recordings.rows.select_columns(["audio", "text", "speaker", "seconds"])
        tables.append(with_columns(audio, strings))
        start += size
    return datasets.concatenate_datasets(tables)

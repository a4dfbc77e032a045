"""Recordings into a folder of shards, which stands alone: any reader of Parquet has them, and so has every command."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from hf_speech_tl.corpora import (
    INDEX,
    LISTED,
    SPLITS,
    Corpus,
    Shard,
    ShardRow,
    Shards,
    check_shards,
    digest,
    load_corpus,
    parse_shards,
    reasons,
    screen,
    write_index,
    write_shards,
    write_skipped,
)
from hf_speech_tl.errors import DataError, SettingsError
from hf_speech_tl.publishing import dataset_card
from hf_speech_tl.publishing.redaction import own_name
from hf_speech_tl.settings import PrepareSettings
from hf_speech_tl.stages.reading import SHORTEST, progress_of
from hf_speech_tl.stages.runs.holding import hold
from hf_speech_tl.stages.runs.output import check_place
from hf_speech_tl.stages.runs.plan import amount, show_plan, size
from hf_speech_tl.stages.shard_making import UNDER_WAY, Made, Part, encoded, made, make, parts_of, write_note

_LAYOUT = 1  # a new number when shards are written in another way
_TRIED = 16  # recordings that are encoded to see how large they become
_SPARE = 1.05  # of the disk, for the index


def run(settings: PrepareSettings) -> dict[str, object]:
    """Write what --data holds into --output; shards of the same that are there stay. Returns what is there then.

    Raises SettingsError where something else is there or the disk has no room, DataError for data that cannot be used.
    """
    output = settings.output
    check_place(output)
    _refuse_within(settings)
    _begun(output)
    corpus = _read(settings)
    # The rows, not the settings: what neither changes nor orders them may change.
    key = digest([(_LAYOUT, corpus.fingerprint, settings.format, settings.shard_seconds, settings.seed)])
    _refuse_others(output, key)
    if not (output / LISTED).is_file():
        parts = parts_of(corpus, settings.shard_seconds, settings.seed)
        _plan(corpus, parts, key, settings)
        output.mkdir(parents=True, exist_ok=True)
        hold(output)
        _refuse_others(output, key)  # of a process that began, or ended, since
        if not (output / LISTED).is_file():
            _make_all(parts, corpus, key, settings)
            _finish(parts, corpus, key, settings)
    shutil.rmtree(output / UNDER_WAY, ignore_errors=True)
    check_shards(str(output))
    return _results(output)


def _refuse_within(settings: PrepareSettings) -> None:
    """Raise SettingsError for shards that would lie among the recordings they are made of, and be read as some."""
    for source in map(str, settings.data):
        folder = Path(source).expanduser()
        if folder.is_dir() and settings.output.resolve().is_relative_to(folder.resolve()):
            raise SettingsError(
                f"--output {settings.output}: lies in {source}, which is read as recordings; name a directory elsewhere"
            )


def _refuse_others(output: Path, key: str) -> None:
    """Raise SettingsError where a directory holds anything but what is made of these recordings and settings."""
    if _begun(output) not in (None, key):
        raise SettingsError(
            f"--output {output}: holds shards of other recordings or settings, and is left alone. Name an empty or new "
            "directory."
        )


def _begun(output: Path) -> str | None:
    """The key of the shards in a directory, whole or under way; None where it is empty. SettingsError where it holds
    anything else."""
    # What a kill leaves of the first note is nothing yet.
    if not any(path.is_file() and path.name != "plan.part" for path in output.rglob("*")):
        return None
    try:
        if (output / LISTED).is_file():
            return parse_shards((output / LISTED).read_bytes(), str(output / LISTED)).key
        return str(json.loads((output / UNDER_WAY / "plan.json").read_text("utf-8"))["key"])
    except (OSError, ValueError, TypeError, KeyError, DataError):
        raise SettingsError(
            f"--output {output}: holds something that is no shards of ours, and is left alone. Name an empty or new "
            "directory."
        ) from None


def _read(settings: PrepareSettings) -> Corpus:
    """What --data holds, without the rows that no model could use."""
    with progress_of("looking at every recording", quiet=settings.quiet) as progress:
        corpus = load_corpus(
            settings.data,
            settings.lang,
            text_column=settings.text_column,
            tier=settings.tier,
            labelled=not settings.unlabelled,
            progress=progress,
        )
    with progress_of("listening to recordings", quiet=settings.quiet) as progress:
        return screen(
            corpus,
            "char",
            max_seconds=settings.max_seconds,
            min_seconds=SHORTEST,
            # How many frames there are, the model decides that is trained on them: a transcript too long for those is
            # found then.
            frames_of=lambda seconds: round(1000 * seconds),
            labelled=not settings.unlabelled,
            progress=progress,
        )


def _plan(corpus: Corpus, parts: Sequence[Part], key: str, settings: PrepareSettings) -> None:
    """Tell what is about to happen. Raises SettingsError where the disk has no room for it."""
    splits = {name: getattr(corpus, name) for name in SPLITS if len(getattr(corpus, name))}
    rows = next(iter(splits.values()))
    tried = rows.select(np.linspace(0, len(rows) - 1, min(_TRIED, len(rows))).astype(int))
    some = [one for one in encoded(tried, settings.format) if isinstance(one, ShardRow)]
    a_second = sum(len(one.content) for one in some) / max(1e-9, sum(one.seconds for one in some))
    needed = _SPARE * a_second * sum(sum(rows["seconds"][:]) for rows in splits.values())
    place = next(place for place in (settings.output, *settings.output.absolute().parents) if place.exists())
    there = [found for part in parts if (found := made(part, key, settings.output))]
    free = shutil.disk_usage(place).free + sum(one.size for one in there)
    if not settings.quiet:
        show_plan(
            [
                *(("data", note) for note in corpus.notes),
                ("audio", ", ".join(amount(rows, name) for name, rows in splits.items())),
                ("left out", f"{len(corpus.skipped)} ({reasons(corpus.skipped)})" if corpus.skipped else "nothing"),
                ("shards", f"{len(parts)}, {settings.format}; {len(there)} of them are there already"),
                ("disk", f"{size(needed)} in {settings.output}, of {size(free)}"),
            ]
        )
    if needed > free:
        raise SettingsError(
            f"--output {settings.output}: the shards take some {size(needed)}, of which there are {size(free)}. Name "
            "another directory, or take --format opus."
        )


def _make_all(parts: Sequence[Part], corpus: Corpus, key: str, settings: PrepareSettings) -> None:
    (settings.output / UNDER_WAY).mkdir(exist_ok=True)
    write_note({"key": key}, settings.output / UNDER_WAY / "plan.json")
    total = sum(len(part.rows) for part in parts)
    before = 0
    with progress_of("writing recordings", quiet=settings.quiet) as progress:
        for part in parts:
            if made(part, key, settings.output) is None:
                tell = functools.partial(_tell, progress, before, total)
                make(part, corpus, key, settings.format, settings.output, tell)
            before += len(part.rows)


def _tell(progress: Callable[[int, int], None], before: int, total: int, done: int) -> None:
    progress(before + done, total)


def _finish(parts: Sequence[Part], corpus: Corpus, key: str, settings: PrepareSettings) -> None:
    """Write what tells of the shards, the list of them last: with it the folder is complete."""
    output = settings.output
    shards, skipped, state = [], list(corpus.skipped), []
    for part in parts:
        found = _found(part, key, output)
        skipped += found.skipped
        state.append(
            (part.split, digest(row[: row._fields.index("start")] for row in found.rows))
        )  # but for where they lie
        seconds = round(sum(row.seconds for row in found.rows), 3)
        shards.append(Shard(part.file, part.split, len(found.rows), seconds, found.size))
    for split in dict.fromkeys(part.split for part in parts):
        lost = [row for row in skipped if row.split == split]
        if 2 * len(lost) > len(lost) + sum(shard.rows for shard in shards if shard.split == split):
            raise DataError(
                f"more than half of the recordings of the {split} split cannot be used: {reasons(lost)}. The first is "
                f"{lost[0].id} ({lost[0].detail or lost[0].reason})."
            )
    write_index(output / INDEX, (_found(part, key, output).rows for part in parts))
    write_skipped(skipped, output / "skipped.csv")
    listed = Shards(
        key=key,
        fingerprint=digest(state),
        audio=settings.format,
        sources=tuple(map(own_name, corpus.names)),
        languages=corpus.languages,
        licenses=corpus.licenses,
        skipped=len(skipped),
        index=(output / INDEX).stat().st_size,
        shards=tuple(shards),
    )
    (output / "README.md").write_text(dataset_card(listed), "utf-8")
    write_shards(listed, output)


def _found(part: Part, key: str, output: Path) -> Made:
    found = made(part, key, output)
    if found is None:
        raise DataError(f"{output / part.file}: has gone or changed meanwhile. Give the same command once more.")
    return found


def _results(output: Path) -> dict[str, object]:
    shards = parse_shards((output / LISTED).read_bytes(), str(output / LISTED))
    splits = {}
    for split in SPLITS:
        own = [one for one in shards.shards if one.split == split]
        splits[split] = {
            "rows": sum(one.rows for one in own),
            "seconds": round(sum(one.seconds for one in own), 2),
            "bytes": sum(one.size for one in own),
        }
    return {
        "command": "prepare",
        "output": str(output),
        "shards": len(shards.shards),
        "splits": splits,
        "skipped": shards.skipped,
        "fingerprint": shards.fingerprint,
    }

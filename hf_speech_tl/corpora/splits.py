"""Training, validation and test: what a name says, and what is made where a corpus has none."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_BY_NAME = {name: split for split, names in _NAMES.items() for name in names}
_SHARE = 0.1  # of the rows, for each split that is made: the custom of the field
_SPEAKERS = 10  # fewer would leave a test of one or two voices
_FEW_TEXTS = 30
_NO_ASCII_LETTERS = re.compile("[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class SplitRow:
    """What decides where a row goes: the split it came with (or None), its source, speaker, text, audio's hash, and the
    language of its source."""

    split: str | None
    source: str
    speaker: str | None
    text: str | None
    digest: str
    lang: str = ""

    @property
    def spoken(self) -> bool:
        """Whether it is known what is said."""
        return bool(self.text and self.text.strip())


def split_named(word: str) -> str | None:
    """The split that `word` names, exactly: dev -> validation."""
    return _BY_NAME.get(word.strip().lower())


def split_of_file(path: PurePath) -> str | None:
    """The split that a path names: train-00000-of-00002.parquet, my_dev.tsv, cmn_hans_cn/test/0000.parquet."""
    for part in (path.stem, *reversed(path.parent.parts)):
        found = (split_named(word) for word in re.split(r"[^a-zA-Z]+", part))
        if split := next((name for name in found if name), None):
            return split
    return None


def text_key(text: str) -> str:
    """The letters and digits of a text, so that the same words with other punctuation count as the same.

    It stays the same when the normalisers of languages/ improve: a clip once in the test must not move to the training.
    """
    if text.isascii():
        return _NO_ASCII_LETTERS.sub("", text.lower()) or text
    letters = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in letters if unicodedata.category(letter)[0] in "LMN") or text


def assign_splits(
    rows: Sequence[SplitRow], seed: int, beside: Container[str] = ()
) -> tuple[list[str], tuple[str, ...]]:
    """A split for every row, and notes on what was made.

    Splits that a source came with stay. Missing ones are cut from its training rows, about a tenth each, by whole
    speakers where ten or more are known for at least half of the rows, else by whole transcripts, over all such
    sources of a language together. Rows without a transcript change nothing of that, so that what learns from
    recordings alone never hears the test of what learns from transcripts: they go where their speaker went, or are cut
    for themselves. Sources that are `beside` the others, mixed into their training, are cut together by themselves, so
    that the others have the splits that they have without them, and what these hold out is not trained on. The choice
    depends on the content and the seed alone. A source that has only a validation or test split keeps just that.
    """
    splits = [row.split or "train" for row in rows]
    by_source: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        by_source[row.source].append(index)
    by_text: dict[tuple[tuple[str, ...], str, bool, bool], list[int]] = defaultdict(list)
    notes: list[str] = []
    for source, members in by_source.items():
        named = {rows[index].split for index in members}
        if not named & {None, "train"} and not {"test", "validation"} <= named:
            notes.append(f"{source} has no training split: its {_joined(filter(None, named))} split is used as it is")
            continue
        homes: dict[str, str] = {}
        for spoken in (True, False):
            # Of those without a transcript the test or validation split of the others will do.
            present = {rows[index].split for index in members if rows[index].spoken} if spoken else named
            missing = tuple(split for split in ("test", "validation") if split not in present)
            free = [index for index in members if splits[index] == "train" and rows[index].spoken == spoken]
            # Rows without a speaker may be anybody's: they are never held out.
            keys = [(index, f"speaker {rows[index].speaker}") for index in free if rows[index].speaker is not None]
            if not missing:
                continue
            if homes:
                for index, key in keys:
                    splits[index] = homes.get(key, "train")
            elif len({key for _, key in keys}) >= _SPEAKERS and 2 * len(keys) >= len(free):
                homes = _hold_out(splits, keys, missing, len(free), seed)
                how = "by speaker (no voice in two splits)"
                notes.append(f"{source}: {_joined(missing)} made from its training rows, {how}")
            elif free:
                by_text[missing, rows[members[0]].lang, spoken, source in beside] += free
    for (missing, _, spoken, _), free in by_text.items():
        keys = [(i, f"text {text_key(rows[i].text or '') if spoken else rows[i].digest}") for i in free]
        _hold_out(splits, keys, missing, len(free), seed)
        sources = dict.fromkeys(rows[i].source for i in free)
        how = "by text (no transcript in two splits)" if spoken else "by recording (none in two splits)"
        note = f"{_joined(sources)}: {_joined(missing)} made from its training rows, {how}"
        if spoken and (texts := len({key for _, key in keys})) < _FEW_TEXTS:
            note += f"; with only {texts} different transcripts the test says little: give splits of your own"
        notes.append(note)
    added = [index for index, row in enumerate(rows) if row.source in beside and row.text]
    if added:
        both = zip(rows, splits, strict=True)
        held_out = {_said(row) for row, split in both if split != "train" and row.source not in beside and row.text}
        for index in added:
            if _said(rows[index]) in held_out:
                splits[index] = "test"
    return splits, tuple(notes)


def _said(row: SplitRow) -> tuple[str, str]:
    """What is said in a row, and in which language."""
    return row.lang, text_key(row.text or "")


def shared_texts(rows: Sequence[SplitRow], splits: Sequence[str]) -> int:
    """How many test rows have a transcript that also stands in the training split of their language."""
    said = {
        name: [_said(row) for row, split in zip(rows, splits, strict=True) if split == name and row.text]
        for name in ("train", "test")
    }
    heard = set(said["train"])
    return sum(text in heard for text in said["test"])


def _hold_out(
    splits: list[str], keys: Sequence[tuple[int, str]], missing: Sequence[str], total: int, seed: int
) -> dict[str, str]:
    """Moves whole groups of rows with the same key out of the training split; returns where each of them went."""
    sizes = Counter(key for _, key in keys)
    order = sorted(sizes, key=lambda key: hashlib.blake2b(f"{seed} {key}".encode(), digest_size=16).digest())
    target = _SHARE * total
    # Half of the groups at most, so that a corpus of one great speaker and many small ones keeps several to train on.
    room = max(len(sizes) // 2, min(len(missing), len(sizes) - 1))
    homes: dict[str, str] = {}
    held = dict.fromkeys(missing, 0)
    # A group that alone is far more than a tenth would swallow the training data: those come last, the smallest first.
    large = {key: sizes[key] for key in order if sizes[key] > 2 * max(target, 1)}
    for key in sorted(order, key=lambda key: large.get(key, 0)):
        split = min(missing, key=lambda name: held[name])
        if held[split] >= target or len(homes) >= room or (held[split] and key in large):
            break
        homes[key] = split
        held[split] += sizes[key]
    for index, key in keys:
        splits[index] = homes.get(key, "train")
    return homes


def _joined(words: Iterable[str]) -> str:
    return " and ".join(sorted(words))

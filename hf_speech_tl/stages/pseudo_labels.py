"""What a teacher writes of recordings without transcripts, and how much of it is worth learning."""

from __future__ import annotations

import csv
import math
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from functools import partial
from pathlib import Path

import datasets
import numpy as np

from hf_speech_tl.audio import BadAudio
from hf_speech_tl.corpora import are_far, expect, frames_needed, samples
from hf_speech_tl.decoding import recognise_each
from hf_speech_tl.errors import RunError
from hf_speech_tl.models import Checkpoint, Vocabulary
from hf_speech_tl.settings import SelftrainSettings

_DIGITS = 6  # that are kept of a number: a run that goes on reads what this one reads


@dataclass(frozen=True)
class PseudoLabel:
    """One recording of the pool.

    confidence: geometric mean of the probabilities that the teacher gave the symbols it wrote, frame by frame, blanks
    left out, 0 to 1; not calibrated, so that it orders what one teacher wrote and says nothing of another's.
    length_ratio: symbols a second over the median of the labelled training rows of the language. trust: by how much its
    loss is multiplied. reason: why it is not learnt from, empty where it is.
    """

    id: str
    source: str
    seconds: float
    text: str
    confidence: float
    length_ratio: float
    trust: float
    reason: str

    @property
    def kept(self) -> bool:
        """Whether it is learnt from."""
        return not self.reason


def write_down(
    teacher: Checkpoint,
    vocabulary: Vocabulary,
    rows: datasets.Dataset,
    labelled: datasets.Dataset,
    progress: Callable[[int, int], None],
) -> list[PseudoLabel]:
    """What the teacher writes of each of `rows`, in their order, in float32 and of the audio as it is; nothing is left
    out yet but what cannot be decoded."""
    seconds = rows["seconds"][:]
    found: dict[int, tuple[str, float, str]] = {}
    for index, heard in recognise_each(
        teacher.model,
        teacher.feature_extractor,
        vocabulary,
        lambda index: samples(rows[index]["audio"]),
        seconds,
        expect=partial(expect, rows, alone=True) if are_far(rows) else None,
    ):
        bad = isinstance(heard, BadAudio)
        found[index] = ("", 0.0, heard.reason) if bad else (heard.text, heard.confidence, "")  # type: ignore[union-attr]
        progress(len(found), len(rows))
    usual = _usual_paces(labelled)
    labels = []
    for at, (name, source, tag) in enumerate(zip(rows["id"][:], rows["source"][:], rows["lang"][:], strict=True)):
        text, confidence, reason = found[at]
        text = " ".join(text.split())
        ratio = len(text) / seconds[at] / usual[tag]
        label = PseudoLabel(
            name, source, seconds[at], text, round(confidence, _DIGITS), round(ratio, _DIGITS), 0.0, reason
        )
        labels.append(label)
    return labels


def _usual_paces(labelled: datasets.Dataset) -> dict[str, float]:
    """The median of symbols a second by language; that of all for a language that has none."""
    paces: dict[str, list[float]] = defaultdict(list)
    columns = (labelled[name][:] for name in ("lang", "transcript", "seconds"))
    for tag, text, seconds in zip(*columns, strict=True):
        paces[tag].append(len(text) / seconds)
    everywhere = float(np.median([pace for own in paces.values() for pace in own]))
    usual: dict[str, float] = defaultdict(lambda: everywhere)
    usual.update({tag: float(np.median(own)) for tag, own in paces.items()})
    return usual


def choose(
    labels: Sequence[PseudoLabel],
    settings: SelftrainSettings,
    vocabulary: Vocabulary,
    frames_of: Callable[[float], int],
) -> list[PseudoLabel]:
    """The same with reasons for those that are not to be learnt from, and trust in the others.

    vocabulary, frames_of: the student's symbols, and its frames for a number of seconds. Of those that pass the other
    filters the most confident share of --keep stays, the earlier of equal ones first.
    """
    reasons = [label.reason or _reason(label, settings, vocabulary, frames_of) for label in labels]
    passed = [at for at, reason in enumerate(reasons) if not reason]
    order = sorted(passed, key=lambda at: -labels[at].confidence)
    for at in order[math.ceil(min(1.0, settings.keep) * len(order) - 1e-9) :]:
        reasons[at] = "less confident than those kept"
    return [
        replace(label, reason=reason, trust=0.0 if reason else _trust(label, settings))
        for label, reason in zip(labels, reasons, strict=True)
    ]


def _reason(
    label: PseudoLabel, settings: SelftrainSettings, vocabulary: Vocabulary, frames_of: Callable[[float], int]
) -> str:
    if not label.text:
        return "nothing written"
    if not 1 / settings.length_ratio <= label.length_ratio <= settings.length_ratio:
        return "too many symbols a second" if label.length_ratio > 1 else "too few symbols a second"
    if label.confidence < settings.min_confidence:
        return "below --min-confidence"
    if vocabulary.unknown([label.text]):
        return "symbols of more than a character"
    if frames_needed(label.text) > frames_of(label.seconds):
        return "more labels than frames"
    return ""


def _trust(label: PseudoLabel, settings: SelftrainSettings) -> float:
    return label.confidence if settings.trust == "confidence" else 1.0


def reasons_of(labels: Sequence[PseudoLabel]) -> dict[str, int]:
    """How many were left out, by the reason."""
    return dict(sorted(Counter(label.reason for label in labels if label.reason).items()))


def write_labels(labels: Sequence[PseudoLabel], path: Path) -> None:
    """Write the table: it is there whole, or not at all."""
    beside = path.with_suffix(".part")
    with beside.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(PseudoLabel))
        writer.writerows(astuple(label) for label in labels)
    os.replace(beside, path)


def read_labels(path: Path) -> list[PseudoLabel]:
    """The table that `write_labels` wrote, to the last digit. RunError where it is damaged."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [
                PseudoLabel(
                    row["id"],
                    row["source"],
                    float(row["seconds"]),
                    row["text"],
                    float(row["confidence"]),
                    float(row["length_ratio"]),
                    float(row["trust"]),
                    row["reason"],
                )
                for row in csv.DictReader(file, strict=True)
            ]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise RunError(
            f"{path}: is damaged ({type(error).__name__}: {error}). Bring it back, or remove it: it is then written "
            "anew."
        ) from error

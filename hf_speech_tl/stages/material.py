"""What self-training learns from: recordings with transcripts, a pool of others without, and both as one corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import datasets
import numpy as np
from transformers import PreTrainedConfig

from hf_speech_tl.corpora import (
    Corpus,
    Skipped,
    digest,
    heard_elsewhere,
    leave_out,
    licences_together,
    with_columns,
)
from hf_speech_tl.errors import DataError, SettingsError
from hf_speech_tl.languages import find_model_language
from hf_speech_tl.models import Vocabulary
from hf_speech_tl.settings import SelftrainSettings
from hf_speech_tl.stages.preparation import Material, labelled_corpus
from hf_speech_tl.stages.pseudo_labels import PseudoLabel
from hf_speech_tl.stages.reading import hear_split, progress_of, read_corpus

_APART = "#unlabelled"  # behind names that the labelled data have too


@dataclass(frozen=True)
class Pool:
    """labelled: the screened corpus of --data, whose validation was heard; unlabelled: the recordings of --unlabelled,
    all in its training split, none of which is a labelled one; vocabulary: the symbols that students write."""

    labelled: Corpus
    unlabelled: Corpus
    vocabulary: Vocabulary

    @property
    def fingerprint(self) -> str:
        """Of all recordings and transcripts."""
        return digest([(self.labelled.fingerprint, self.unlabelled.fingerprint)])


def read_pool(settings: SelftrainSettings, config: PreTrainedConfig, teacher: Vocabulary, *, told: bool) -> Pool:
    """Read and screen both; config: the student's; told: whether this process shows how far it is.

    Raises SettingsError where the teacher writes other symbols than the transcripts, DataError for data that cannot be.
    """
    language = find_model_language(settings.lang)
    quiet = settings.quiet or not told
    labelled = hear_split(labelled_corpus(settings, language, config, told=told), "validation", quiet=quiet)
    vocabulary = _vocabulary(settings, labelled.train["transcript"][:], teacher)
    unlabelled = read_corpus(
        settings.unlabelled,
        language,
        config,
        units=settings.units or "char",
        simplify=settings.simplify,
        max_seconds=settings.max_seconds,
        text_column=None,
        tier=None,
        quiet=quiet,
        pooled=True,
    )
    with progress_of("comparing with the labelled recordings", quiet=quiet) as progress:
        others = [labelled.train, labelled.validation, labelled.test]
        doubled = heard_elsewhere(unlabelled.train, others, progress)
    unlabelled = leave_out(unlabelled, "train", doubled)
    if not len(unlabelled.train):
        reasons = f"all {len(doubled)} are among the labelled ones" if doubled else "there are none for training"
        raise DataError(
            f"--unlabelled {' '.join(map(str, settings.unlabelled))}: no recording is left to learn from ({reasons}). "
            "Give others."
        )
    return Pool(labelled, _named_apart(unlabelled, labelled), vocabulary)


def _vocabulary(settings: SelftrainSettings, transcripts: Sequence[str], teacher: Vocabulary) -> Vocabulary:
    """The symbols of the labelled training split, and what the teacher knows beside them."""
    wanted = set(Vocabulary.of(transcripts).symbols)
    missing = sorted(wanted - set(teacher.symbols))
    if 2 * len(missing) > len(wanted):
        raise SettingsError(
            f"--model {settings.model}: cannot write {len(missing)} of the {len(wanted)} symbols of the transcripts "
            f"({' '.join(missing[:8])} ...); allowed: a teacher fine-tuned on this language in these --units; "
            "fine-tune it on --data first"
        )
    beside = [symbol for at, symbol in enumerate(teacher.symbols) if len(symbol) == 1 and at != teacher.blank]
    return Vocabulary.of([*transcripts, "".join(beside)])


def _named_apart(unlabelled: Corpus, labelled: Corpus) -> Corpus:
    """`unlabelled` with names of sources and ids of rows that are not those of `labelled`."""
    names = {name: f"{name}{_APART}" if name in labelled.names else name for name in unlabelled.names}
    taken = {name for rows in (labelled.train, labelled.validation, labelled.test) for name in rows["id"][:]}
    rows = unlabelled.train
    columns = {
        "id": [f"{name}{_APART}" if name in taken else name for name in rows["id"][:]],
        "source": [names[name] for name in rows["source"][:]],
    }
    rows = with_columns(rows.remove_columns([*columns]), columns)
    return replace(unlabelled, train=rows, names=tuple(names[name] for name in unlabelled.names))


def mix(pool: Pool, labels: Sequence[PseudoLabel]) -> Material:
    """The labelled training split and the pseudo-labels that are kept, as one; labels: one a row of the pool."""
    kept = [at for at, label in enumerate(labels) if label.kept]
    labelled, unlabelled = pool.labelled, pool.unlabelled
    texts: list[str | None] = [label.text for label in labels]
    written = with_columns(unlabelled.train.remove_columns(["transcript"]), {"transcript": texts}).select(kept)
    train = datasets.concatenate_datasets([labelled.train, written.select_columns(labelled.train.column_names)])
    corpus = replace(
        labelled,
        train=train,
        skipped=(*labelled.skipped, *(_of_pool(row) for row in unlabelled.skipped)),
        licenses=licences_together((labelled.licenses, unlabelled.licenses)),
        names=(*labelled.names, *unlabelled.names),
        languages=(*labelled.languages, *unlabelled.languages),
        weights=(*labelled.weights, *unlabelled.weights),
        notes=tuple(dict.fromkeys((*labelled.notes, *unlabelled.notes))),
        fingerprint=digest([(pool.fingerprint,), *((at, labels[at].text, labels[at].trust) for at in kept)]),
    )
    trust = np.ones(len(train), np.float32)
    trust[len(labelled.train) :] = [labels[at].trust for at in kept]
    return Material(corpus, trust, pool.vocabulary)


def _of_pool(row: Skipped) -> Skipped:
    return replace(row, split="unlabelled")

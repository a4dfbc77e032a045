"""What a model makes of a split: edits and scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import datasets
import numpy as np
import torch

from hf_speech_tl.audio import BadAudio
from hf_speech_tl.corpora import are_far, expect, samples
from hf_speech_tl.decoding import recognise_each
from hf_speech_tl.errors import DataError, SettingsError
from hf_speech_tl.languages import find_language
from hf_speech_tl.models import Checkpoint, Vocabulary, load_checkpoint, quick_dtype, read_config
from hf_speech_tl.scoring import Scores, score, utterance_edits
from hf_speech_tl.stages.reading import is_spaced

# Puts what a model writes into the units of the transcripts, given the tag of the language too.
Rewrite = Callable[[str, str], str]


@dataclass(frozen=True)
class Judgement:
    """The edits of a split's rows, in their order, (rows, 4) as utterance_edits has them, and their scores.

    spaced: whether all of them are in languages that space words.
    """

    edits: np.ndarray
    spaced: bool
    scores: Scores


def judge(
    checkpoint: Checkpoint,
    vocabulary: Vocabulary,
    rows: datasets.Dataset,
    *,
    split: str,
    units: str,
    rewrite: Rewrite | None = None,
    precision: str = "float32",
) -> Judgement:
    """Transcribe every row and score it against its `transcript`, which is in `units`.

    rewrite: puts what a model writes, given the tag of the row's language too, into these units, where it writes
    others. precision: as the option of this name. Of a row, four numbers are kept.
    """
    edits = np.zeros((len(rows), 4), np.int64)
    tags = rows["lang"][:]
    spaced = {tag: is_spaced(find_language(tag), units) for tag in set(tags)}
    transcripts = rows["transcript"]
    for index, heard in recognise_each(
        checkpoint.model,
        checkpoint.feature_extractor,
        vocabulary,
        lambda index: samples(rows[index]["audio"]),
        rows["seconds"][:],
        dtype=dtype_of(precision, checkpoint.model.device),
        expect=partial(expect, rows, alone=True) if are_far(rows) else None,
    ):
        if isinstance(heard, BadAudio):
            raise DataError(
                f"{rows[index]['id']} could be decoded before, and no longer can ({heard}). Has the data been moved or "
                "changed?"
            )
        text = rewrite(heard.text, tags[index]) if rewrite else heard.text
        edits[index] = utterance_edits(transcripts[index], text, spaced=spaced[tags[index]])
    everywhere = all(spaced.values())
    scores = score(edits, everywhere, rows["speaker"][:], split=split, languages=tags)
    return Judgement(edits, everywhere, scores)


def judge_saved(
    name: str,
    rows: datasets.Dataset,
    *,
    split: str,
    units: str,
    rewrite: Rewrite | None = None,
    precision: str = "float32",
) -> Judgement:
    """The same of a model by its directory or Hub id. Raises SettingsError as load_recogniser."""
    return judge(*load_recogniser(name), rows, split=split, units=units, rewrite=rewrite, precision=precision)


def dtype_of(precision: str, device: torch.device) -> torch.dtype:
    """What a model that learns nothing is computed in, for an option --precision."""
    return quick_dtype(device) if precision == "auto" else getattr(torch, precision)


def load_recogniser(name: str) -> tuple[Checkpoint, Vocabulary]:
    """A model that has a CTC head and its symbols; SettingsError where it has none."""
    checkpoint = load_checkpoint(name, read_config(name))
    if checkpoint.fresh or checkpoint.vocabulary is None:
        raise SettingsError(f"the model {name} has no trained CTC head with a vocabulary. Fine-tune it first.")
    if torch.cuda.is_available():
        checkpoint.model.to(torch.device("cuda"))  # type: ignore[arg-type]
    return checkpoint, checkpoint.vocabulary

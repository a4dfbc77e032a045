"""What a model makes of a split: edits and scores."""

from __future__ import annotations

from dataclasses import dataclass

import datasets
import numpy as np
import torch

from hf_speech_tl.audio import BadAudio
from hf_speech_tl.corpora import samples
from hf_speech_tl.decoding import recognise_each
from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models import Checkpoint, Vocabulary, load_checkpoint, read_config
from hf_speech_tl.scoring import Scores, score, utterance_edits


@dataclass(frozen=True)
class Judgement:
    """The edits of a split's rows, in their order, (rows, 4) as utterance_edits has them, and their scores."""

    edits: np.ndarray
    scores: Scores


def judge(
    checkpoint: Checkpoint, vocabulary: Vocabulary, rows: datasets.Dataset, *, split: str, spaced: bool
) -> Judgement:
    """Transcribe every row in float32 and score it against its `transcript`; of a row, four numbers are kept."""
    edits = np.zeros((len(rows), 4), np.int64)
    transcripts = rows["transcript"]
    for index, heard in recognise_each(
        checkpoint.model,
        checkpoint.feature_extractor,
        vocabulary,
        lambda index: samples(rows[index]["audio"]),
        rows["seconds"][:],
    ):
        if isinstance(heard, BadAudio):
            raise heard
        edits[index] = utterance_edits(transcripts[index], heard.text, spaced=spaced)
    return Judgement(edits, score(edits, spaced, rows["speaker"][:], split=split))


def load_recogniser(name: str) -> tuple[Checkpoint, Vocabulary]:
    """A model that has a CTC head and its symbols; SettingsError where it has none."""
    checkpoint = load_checkpoint(name, read_config(name))
    if checkpoint.fresh or checkpoint.vocabulary is None:
        raise SettingsError(f"the model {name} has no trained CTC head with a vocabulary. Fine-tune it first.")
    if torch.cuda.is_available():
        checkpoint.model.to(torch.device("cuda"))  # type: ignore[arg-type]
    return checkpoint, checkpoint.vocabulary

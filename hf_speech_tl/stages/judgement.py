"""What a model makes of a split: texts and scores."""

from __future__ import annotations

from dataclasses import dataclass

import datasets
import torch

from hf_speech_tl.corpora import samples
from hf_speech_tl.decoding import Recognition, recognise
from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models import Checkpoint, Vocabulary, load_checkpoint, read_config
from hf_speech_tl.scoring import Scores, score


@dataclass(frozen=True)
class Judgement:
    """The recognitions of a split's rows, in their order, and the scores of interface.md."""

    recognitions: list[Recognition]
    scores: Scores


def judge(
    checkpoint: Checkpoint, vocabulary: Vocabulary, rows: datasets.Dataset, *, split: str, spaced: bool
) -> Judgement:
    """Transcribe every row in float32 and score it against its `transcript`."""
    found = recognise(
        checkpoint.model,
        checkpoint.feature_extractor,
        vocabulary,
        lambda index: samples(rows[index]["audio"]),
        rows["seconds"][:],
    )
    texts = [recognition.text for recognition in found]
    return Judgement(found, score(rows["transcript"][:], texts, spaced, rows["speaker"][:], split=split))


def load_recogniser(name: str) -> tuple[Checkpoint, Vocabulary]:
    """A model that has a CTC head and its symbols; SettingsError where it has none."""
    checkpoint = load_checkpoint(name, read_config(name))
    if checkpoint.fresh or checkpoint.vocabulary is None:
        raise SettingsError(f"--model {name}: has no trained CTC head with a vocabulary. Fine-tune it first.")
    if torch.cuda.is_available():
        checkpoint.model.to(torch.device("cuda"))  # type: ignore[arg-type]
    return checkpoint, checkpoint.vocabulary

"""CER and WER as `evaluate.Metric` classes that need no network, where `evaluate.load("wer")` downloads a script."""

from __future__ import annotations

import datasets
import evaluate

from hf_speech_tl.scoring.edits import character_edits, rate, word_edits

_INPUTS = """
Args:
    predictions (list of str): what was recognised, an utterance an entry
    references (list of str): what was said, in the same order
"""
_CITATION = "Levenshtein, V. I. (1966). Binary codes capable of correcting deletions, insertions, and reversals."


class CharacterErrorRate(evaluate.Metric):
    """`compute(predictions=, references=, spaced=True)` gives {"cer": rate}, summed over the corpus before dividing."""

    def _info(self) -> evaluate.MetricInfo:
        inputs = _INPUTS + "    spaced (bool): whether spaces count; False for languages that do not space words\n"
        return _describe("Edits over code points of NFC text, divided by the references' code points.", inputs)

    def _compute(self, predictions: list[str], references: list[str], spaced: bool = True) -> dict[str, float]:
        return {"cer": rate(character_edits(references, predictions, spaced=spaced))}


class WordErrorRate(evaluate.Metric):
    """`compute(predictions=, references=)` gives {"wer": rate}, summed over the corpus before dividing."""

    def _info(self) -> evaluate.MetricInfo:
        return _describe("Edits over the words of NFC text, divided by the references' words.", _INPUTS)

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, float]:
        return {"wer": rate(word_edits(references, predictions))}


def _describe(description: str, inputs: str) -> evaluate.MetricInfo:
    text = datasets.Value("string")
    return evaluate.MetricInfo(
        description=description,
        citation=_CITATION,
        inputs_description=inputs,
        features=datasets.Features({"predictions": text, "references": text}),
    )

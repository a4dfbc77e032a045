"""Character and word error rates, their intervals, and comparisons on the same utterances."""

from hf_speech_tl.scoring.edits import character_edits, rate, utterance_edits
from hf_speech_tl.scoring.intervals import choose_units, interval
from hf_speech_tl.scoring.metrics import CharacterErrorRate, WordErrorRate
from hf_speech_tl.scoring.scores import Comparison, LanguageScores, Scores, compare, compare_seeds, score

__all__ = [
    "CharacterErrorRate",
    "Comparison",
    "LanguageScores",
    "Scores",
    "WordErrorRate",
    "character_edits",
    "choose_units",
    "compare",
    "compare_seeds",
    "interval",
    "rate",
    "score",
    "utterance_edits",
]

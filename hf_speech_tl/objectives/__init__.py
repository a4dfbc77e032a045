"""What training makes small: batch and model output to a loss for each utterance."""

from hf_speech_tl.objectives.consistency import consistent_losses
from hf_speech_tl.objectives.contrastive import Contrastive, draw_negatives
from hf_speech_tl.objectives.ctc import ctc_losses
from hf_speech_tl.objectives.distil import Distillation, Spread
from hf_speech_tl.objectives.masked import MaskedPrediction
from hf_speech_tl.objectives.tally import Tally

__all__ = [
    "Contrastive",
    "Distillation",
    "MaskedPrediction",
    "Spread",
    "Tally",
    "consistent_losses",
    "ctc_losses",
    "draw_negatives",
]

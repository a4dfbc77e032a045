"""What training makes small: batch and model output to a loss for each utterance."""

from hf_speech_tl.objectives.consistency import consistent_losses
from hf_speech_tl.objectives.ctc import ctc_losses
from hf_speech_tl.objectives.masked import MaskedPrediction

__all__ = ["MaskedPrediction", "consistent_losses", "ctc_losses"]

"""What training makes small: batch and model output to a loss for each utterance."""

from hf_speech_tl.objectives.ctc import ctc_losses
from hf_speech_tl.objectives.flat_start import flat_start_losses

__all__ = ["ctc_losses", "flat_start_losses"]

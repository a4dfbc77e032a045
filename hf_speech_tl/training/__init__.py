"""Batches in, a trained model out."""

from hf_speech_tl.training.batches import Batches
from hf_speech_tl.training.checkpoints import how_launched, latest, steps_done
from hf_speech_tl.training.clips import Batch, Clips, collator
from hf_speech_tl.training.optimiser import Rates, build_optimiser, build_schedule
from hf_speech_tl.training.pace import Pace, first_batches, measure_pace
from hf_speech_tl.training.progress import Report
from hf_speech_tl.training.reporters import reporting
from hf_speech_tl.training.trainer import SpeechTrainer, training_arguments

__all__ = [
    "Batch",
    "Batches",
    "Clips",
    "Pace",
    "Rates",
    "Report",
    "SpeechTrainer",
    "build_optimiser",
    "build_schedule",
    "collator",
    "first_batches",
    "how_launched",
    "latest",
    "measure_pace",
    "reporting",
    "steps_done",
    "training_arguments",
]

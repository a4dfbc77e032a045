"""Batches in, a trained model out."""

from hf_speech_tl.training.batches import Batches
from hf_speech_tl.training.clips import Batch, Clips, collator
from hf_speech_tl.training.features import Features
from hf_speech_tl.training.loader import Loader
from hf_speech_tl.training.optimiser import Rates, build_optimiser, build_schedule
from hf_speech_tl.training.pace import Pace, choose_precision, first_batches, measure_steps
from hf_speech_tl.training.progress import Report
from hf_speech_tl.training.reporters import reporting
from hf_speech_tl.training.trainer import SpeechTrainer, training_arguments

__all__ = [
    "Batch",
    "Batches",
    "Clips",
    "Features",
    "Loader",
    "Pace",
    "Rates",
    "Report",
    "SpeechTrainer",
    "build_optimiser",
    "build_schedule",
    "choose_precision",
    "collator",
    "first_batches",
    "measure_steps",
    "reporting",
    "training_arguments",
]

"""Batches in, a trained model out."""

from hf_speech_tl.training.arguments import training_arguments
from hf_speech_tl.training.augmented import Augmenter, Passes, longest_seconds, shortest_seconds
from hf_speech_tl.training.balance import Share, language_shares, row_weights
from hf_speech_tl.training.batches import Batches
from hf_speech_tl.training.checkpoints import how_launched, latest, steps_done
from hf_speech_tl.training.clips import Batch, Clips, Labels, collator
from hf_speech_tl.training.cores import Cores
from hf_speech_tl.training.features import Features
from hf_speech_tl.training.loader import Loader
from hf_speech_tl.training.loss import utterance_losses
from hf_speech_tl.training.optimiser import Rates, build_optimiser, build_schedule, state_bytes
from hf_speech_tl.training.pace import Pace, choose_precision, first_batches, measure_steps
from hf_speech_tl.training.progress import Report
from hf_speech_tl.training.reporters import reporting
from hf_speech_tl.training.trainer import SpeechTrainer

__all__ = [
    "Augmenter",
    "Batch",
    "Batches",
    "Clips",
    "Cores",
    "Features",
    "Labels",
    "Loader",
    "Pace",
    "Passes",
    "Rates",
    "Report",
    "Share",
    "SpeechTrainer",
    "build_optimiser",
    "build_schedule",
    "choose_precision",
    "collator",
    "first_batches",
    "how_launched",
    "language_shares",
    "latest",
    "longest_seconds",
    "measure_steps",
    "reporting",
    "row_weights",
    "shortest_seconds",
    "state_bytes",
    "steps_done",
    "training_arguments",
    "utterance_losses",
]

"""Batches in, a trained model out."""

from hf_speech_tl.training.arguments import training_arguments
from hf_speech_tl.training.augmented import Augmenter, Passes, longest_seconds, shortest_seconds
from hf_speech_tl.training.balance import Share, language_shares, row_weights
from hf_speech_tl.training.batches import Batches
from hf_speech_tl.training.checkpoints import how_launched, last_step, latest, steps_done
from hf_speech_tl.training.clips import (
    Batch,
    Clip,
    Clips,
    Labels,
    Targets,
    bytes_of_samples,
    free_memory,
    room_for_clips,
)
from hf_speech_tl.training.clusters import (
    CEPSTRA_CLUSTERS,
    LAYER_CLUSTERS,
    Clusters,
    ClusterUse,
    cluster_count,
    cluster_use,
    find_clusters,
    sample_frames,
)
from hf_speech_tl.training.collapse import CollapseGuard
from hf_speech_tl.training.collator import collator
from hf_speech_tl.training.descent import Descent
from hf_speech_tl.training.features import Features
from hf_speech_tl.training.loader import Loader
from hf_speech_tl.training.loss import utterance_losses
from hf_speech_tl.training.made import MadeTargets, keep_targets
from hf_speech_tl.training.masks import CONTRASTIVE_SHARE, PREDICTION_SHARE, Spans
from hf_speech_tl.training.optimiser import Rates, build_optimiser, build_schedule, state_bytes
from hf_speech_tl.training.pace import Pace, choose_precision, first_batches, measure_steps
from hf_speech_tl.training.part import Part, as_part, stop_after_part
from hf_speech_tl.training.pretraining import Draw, Objective, Pretraining, probe_steps
from hf_speech_tl.training.probe import Probe
from hf_speech_tl.training.progress import Report
from hf_speech_tl.training.reporters import reporting
from hf_speech_tl.training.store import Store
from hf_speech_tl.training.streamed import WINDOW, Order, StreamedBatches
from hf_speech_tl.training.targets import TargetStates
from hf_speech_tl.training.task import Moment, Task
from hf_speech_tl.training.temperature import GumbelTemperature
from hf_speech_tl.training.trainer import SpeechTrainer
from hf_speech_tl.training.transcription import Transcription

__all__ = [
    "CEPSTRA_CLUSTERS",
    "CONTRASTIVE_SHARE",
    "LAYER_CLUSTERS",
    "PREDICTION_SHARE",
    "WINDOW",
    "Augmenter",
    "Batch",
    "Batches",
    "Clip",
    "Clips",
    "ClusterUse",
    "Clusters",
    "CollapseGuard",
    "Descent",
    "Draw",
    "Features",
    "GumbelTemperature",
    "Labels",
    "Loader",
    "MadeTargets",
    "Moment",
    "Objective",
    "Order",
    "Pace",
    "Part",
    "Passes",
    "Pretraining",
    "Probe",
    "Rates",
    "Report",
    "Share",
    "Spans",
    "SpeechTrainer",
    "Store",
    "StreamedBatches",
    "TargetStates",
    "Targets",
    "Task",
    "Transcription",
    "as_part",
    "build_optimiser",
    "build_schedule",
    "bytes_of_samples",
    "choose_precision",
    "cluster_count",
    "cluster_use",
    "collator",
    "find_clusters",
    "first_batches",
    "free_memory",
    "how_launched",
    "keep_targets",
    "language_shares",
    "last_step",
    "latest",
    "longest_seconds",
    "measure_steps",
    "probe_steps",
    "reporting",
    "room_for_clips",
    "row_weights",
    "sample_frames",
    "shortest_seconds",
    "state_bytes",
    "steps_done",
    "stop_after_part",
    "training_arguments",
    "utterance_losses",
]

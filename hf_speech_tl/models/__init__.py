"""Speech encoders with a CTC head: load them, give them symbols, choose what is trained."""

from hf_speech_tl.models.checkpoint import STARTER, Checkpoint, Masking, load_checkpoint, read_config
from hf_speech_tl.models.cost import Cost, cost_of
from hf_speech_tl.models.frames import FeatureExtractor, frame_count, input_name, logits_of
from hf_speech_tl.models.head import replace_head
from hf_speech_tl.models.tuning import merge, prepare_tuning
from hf_speech_tl.models.vocabulary import Vocabulary

__all__ = [
    "STARTER",
    "Checkpoint",
    "Cost",
    "FeatureExtractor",
    "Masking",
    "Vocabulary",
    "cost_of",
    "frame_count",
    "input_name",
    "load_checkpoint",
    "logits_of",
    "merge",
    "prepare_tuning",
    "read_config",
    "replace_head",
]

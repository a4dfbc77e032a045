"""Speech encoders with a CTC head: load them, give them symbols, choose what is trained."""

from hf_speech_tl.models.checkpoint import STARTER, Checkpoint, Masking, load_checkpoint, read_config
from hf_speech_tl.models.cost import Cost, cost_of
from hf_speech_tl.models.frames import frame_count
from hf_speech_tl.models.head import replace_head
from hf_speech_tl.models.tuning import merge, prepare_tuning
from hf_speech_tl.models.vocabulary import Vocabulary

__all__ = [
    "STARTER",
    "Checkpoint",
    "Cost",
    "Masking",
    "Vocabulary",
    "cost_of",
    "frame_count",
    "load_checkpoint",
    "merge",
    "prepare_tuning",
    "read_config",
    "replace_head",
]

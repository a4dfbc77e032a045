"""Speech encoders with a CTC head: load them, give them symbols, choose what is trained."""

import os

from hf_speech_tl.models.adapters import check_adapter
from hf_speech_tl.models.checkpoint import Checkpoint, Masking, can_mask, load_checkpoint, read_config
from hf_speech_tl.models.convolutions import multiply_convolutions
from hf_speech_tl.models.cost import Cost, cost_of
from hf_speech_tl.models.depth import check_depth, keep_lowest
from hf_speech_tl.models.frames import (
    frame_count,
    frame_middles,
    frame_rate,
    frames_of,
    frames_of_mask,
    hears_padding,
    input_name,
    logits_of,
    states_of,
)
from hf_speech_tl.models.fresh import empty_model
from hf_speech_tl.models.frontends import FeatureExtractor, encoder_config
from hf_speech_tl.models.frozen import Frozen, frozen_part
from hf_speech_tl.models.head import encoder_of, head_of, is_of_head, replace_head
from hf_speech_tl.models.inference import for_inference
from hf_speech_tl.models.inheritance import KINDS, KNOWN, Origin, inherit
from hf_speech_tl.models.masking import check_maskable, take_masks
from hf_speech_tl.models.padding import alike, pad
from hf_speech_tl.models.precision import is_bfloat16_emulated, quick_dtype
from hf_speech_tl.models.quantiser import add_quantiser, check_quantisable
from hf_speech_tl.models.starter import base_of, is_of_starter, learns_as_starter, place_of
from hf_speech_tl.models.teacher import (
    Teacher,
    clustered_layer,
    load_layer,
    load_teacher,
    split_layer,
    taught_layers,
)
from hf_speech_tl.models.tuning import keep_statistics, merge, prepare_tuning
from hf_speech_tl.models.vocabulary import Vocabulary
from hf_speech_tl.models.writing import Writing, read_writing

# Of a model whose weights are a .bin, transformers would tell a service for conversion (its name, and whether it is
# private), and fetch the same weights once more. Nothing leaves this machine unasked.
os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")

# oneDNN makes code for each size of a product, and would keep 1,024 pieces: half a gigabyte with a small model in
# bfloat16. A step makes some forty, which its layers share; batches of other sizes rarely find theirs again.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")

__all__ = [
    "KINDS",
    "KNOWN",
    "Checkpoint",
    "Cost",
    "FeatureExtractor",
    "Frozen",
    "Masking",
    "Origin",
    "Teacher",
    "Vocabulary",
    "Writing",
    "add_quantiser",
    "alike",
    "base_of",
    "can_mask",
    "check_adapter",
    "check_depth",
    "check_maskable",
    "check_quantisable",
    "clustered_layer",
    "cost_of",
    "empty_model",
    "encoder_config",
    "encoder_of",
    "for_inference",
    "frame_count",
    "frame_middles",
    "frame_rate",
    "frames_of",
    "frames_of_mask",
    "frozen_part",
    "head_of",
    "hears_padding",
    "inherit",
    "input_name",
    "is_bfloat16_emulated",
    "is_of_head",
    "is_of_starter",
    "keep_lowest",
    "keep_statistics",
    "learns_as_starter",
    "load_checkpoint",
    "load_layer",
    "load_teacher",
    "logits_of",
    "merge",
    "multiply_convolutions",
    "pad",
    "place_of",
    "prepare_tuning",
    "quick_dtype",
    "read_config",
    "read_writing",
    "replace_head",
    "split_layer",
    "states_of",
    "take_masks",
    "taught_layers",
]

"""A pretrained or fresh encoder with a CTC head, wherever it comes from."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub.constants import is_offline_mode
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoModel,
    AutoModelForCTC,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.utils import logging

from hf_speech_tl.audio import RATE
from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models.adapters import load_adapter
from hf_speech_tl.models.conformer import quicken_conformer
from hf_speech_tl.models.families import FAMILIES, find_family
from hf_speech_tl.models.files import find_file
from hf_speech_tl.models.frames import frame_count, plain_feature_extractor
from hf_speech_tl.models.fresh import place_filterbank
from hf_speech_tl.models.frontends import FeatureExtractor, encoder_config
from hf_speech_tl.models.starter import place_of
from hf_speech_tl.models.symbols import read_symbols
from hf_speech_tl.models.vocabulary import Vocabulary
from hf_speech_tl.settings import STARTER, model_within

_EXTRACTOR_FILES = ("processor_config.json", "preprocessor_config.json", "config.json")
_USUAL_SYMBOLS = 32  # the default of wav2vec 2.0


@dataclass(frozen=True)
class Masking:
    """SpecAugment (Park et al. 2019): the share of frames masked, in spans of `length` frames; likewise of the channels
    of the features before the transformer, which stand for the bands of a spectrogram (Baevski et al. 2020)."""

    share: float
    length: int
    channel_share: float = 0.0
    channel_length: int = 10


@dataclass(frozen=True)
class Checkpoint:
    """A model in float32 on the CPU, with what is needed to feed it and to read its output.

    vocabulary: the symbols of its own head; None where it has none yet.
    fresh: its weights are random.
    """

    name: str
    model: PreTrainedModel
    feature_extractor: FeatureExtractor
    vocabulary: Vocabulary | None
    fresh: bool


def read_any_config(name: str) -> PreTrainedConfig:
    """The configuration of `starter`, a directory, a config.json or a Hub id, of whatever kind; else SettingsError."""
    place = place_of(name)
    if os.path.isdir(place) and not (Path(place) / "config.json").is_file():
        remedy = model_within(Path(place)) or "give the directory of a saved model"
        raise SettingsError(f"--model {name}: there is no config.json in it: {remedy}.")
    if _is_misspelt(place):
        raise SettingsError(f"--model {name}: there is no such directory. Give a directory, a Hub id, or `{STARTER}`.")
    try:
        return AutoConfig.from_pretrained(place, trust_remote_code=False)
    except Exception as error:  # every kind comes out of a stranger's config.json
        reason = " ".join(str(error).split())[:300]
        if "trust_remote_code" in str(error):  # transformers goes on with how to run it all the same
            reason = "it needs code of its own, which is never run here"
        if os.path.isfile(place):
            raise SettingsError(
                f"--model {name}: is a file that cannot be used as a config.json ({reason}). Name the config.json "
                "of a model, or its directory."
            ) from error
        if is_offline_mode() and not os.path.isdir(place):
            reason = "HF_HUB_OFFLINE is set and it is not in the cache"
        where = "its config.json cannot be used" if os.path.isdir(place) else "not to be had from the Hub or its cache"
        raise SettingsError(
            f"--model {name}: {where} ({reason}). Give a directory or a Hub id; --model {STARTER} needs no network."
        ) from error


def read_config(name: str) -> PreTrainedConfig:
    """As `read_any_config`, of a supported family; else SettingsError."""
    config = read_any_config(name)
    if getattr(config, "add_adapter", False):
        raise SettingsError(
            f"--model {name}: has adapter layers after its encoder, which are not supported. Take another."
        )
    family = find_family(getattr(config, "model_type", None), name)
    if config.model_type != family.model_type:
        encoder = encoder_config(config).to_dict()
        encoder.pop("_name_or_path", None)  # where it lies here; what is saved would tell it
        config = AutoConfig.for_model(family.model_type, encoder_config=encoder, name_or_path=config.name_or_path)
    elif family.encoder and not _raw_config(place_of(name)).get("encoder_config"):
        raise SettingsError(f"--model {name}: its config.json has no encoder_config. Take another checkpoint.")
    if getattr(config, "vocab_size", 0) is None:
        config.vocab_size = _USUAL_SYMBOLS  # facebook/w2v-bert-2.0 is so, and no head can be put upon it
    try:
        frame_count(config, RATE)
    except (ArithmeticError, ValueError) as error:
        raise SettingsError(
            f"--model {name}: its config.json has kernels or strides that cannot be ({error}). Take another checkpoint."
        ) from error
    if encoder_config(config).num_hidden_layers < 1:
        raise SettingsError(f"--model {name}: its config.json has no layer of a transformer. Take another checkpoint.")
    return config


def can_mask(config: PreTrainedConfig) -> bool:
    """Whether models of this configuration have SpecAugment built in."""
    return hasattr(config, "mask_time_prob")


def load_checkpoint(
    name: str,
    config: PreTrainedConfig,
    *,
    from_scratch: bool = False,
    dropout: float = 0.0,
    masking: Masking | None = None,
    target_lang: str | None = None,
) -> Checkpoint:
    """Load weights in float32, or draw fresh ones from torch's seed (`from_scratch`).

    dropout: the share of activations left out in training, wherever the family has a dropout. masking: only for models
    that can. target_lang: the language whose adapter is loaded, for a model that has several.
    Raises SettingsError where a weight of the encoder is missing in the checkpoint and would silently be random.
    """
    encoder = encoder_config(config)
    for kind in [key for key in vars(encoder) if "dropout" in key]:
        setattr(encoder, kind, dropout)
    # LayerDrop leaves parameters without a gradient, which stops distributed training, and costs short runs quality.
    encoder.layerdrop = 0.0
    if can_mask(config):
        config.mask_time_prob = masking.share if masking else 0.0
        config.mask_time_length = masking.length if masking else 10
        config.mask_feature_prob = masking.channel_share if masking else 0.0
        config.mask_feature_length = masking.channel_length if masking else 10
        config.apply_spec_augment = True  # some checkpoints have it off, and would mask nothing without a word
    # "sum", the default of many checkpoints, makes the learning rate depend on the batch; training takes its own
    # reduction over the whole step, this one is for whoever trains the saved model elsewhere.
    config.ctc_loss_reduction, config.ctc_zero_infinity = "mean", True
    place = place_of(name)
    if from_scratch:
        model = _draw_weights(name, config)
        place_filterbank(model)
        quicken_conformer(model)
        return Checkpoint(name, model, _feature_extractor(place, config), None, fresh=True)
    model, absent, mismatched = _load_weights(place, config)
    missing = {key for key in absent if not key.endswith("masked_spec_embed")}
    if len(missing) < len(absent):
        # Saved by a model that did not mask. Some families (SEW-D) leave it as whatever was in memory.
        torch.nn.init.uniform_(model.base_model.get_parameter("masked_spec_embed"))
    head = _head_keys(config)
    headless = head <= missing
    missing -= head
    if missing or mismatched:
        example = min(missing or mismatched)
        raise SettingsError(
            f"--model {name}: {len(missing or mismatched)} weights of the encoder are missing in the checkpoint, or of "
            f"another shape ({example}, ...). Take a whole checkpoint, or train it anew with --from-scratch."
        )
    if target_lang is not None:
        load_adapter(model, name, target_lang)
    if not all(weight.isfinite().all() for weight in model.state_dict().values()):
        raise SettingsError(f"--model {name}: some of its weights are not finite numbers. Take another checkpoint.")
    quicken_conformer(model)
    vocabulary = None if headless else read_symbols(name, place, model, target_lang)
    return Checkpoint(name, model, _feature_extractor(place, config), vocabulary, fresh=False)


def _draw_weights(name: str, config: PreTrainedConfig) -> PreTrainedModel:
    """The model with random weights; SettingsError for a shape that cannot be."""
    try:
        return AutoModelForCTC.from_config(config)
    except Exception as error:  # heads that do not divide the width, an unknown activation, more than the memory holds
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise SettingsError(
            f"--model {name}: no model can be made of the shape in its config.json ({reason}). Mend the file, or take "
            "another."
        ) from error


def _load_weights(name: str, config: PreTrainedConfig) -> tuple[PreTrainedModel, set[str], set[str]]:
    """The model, and the names of weights that its files lack or have in another shape."""
    if os.path.isfile(name):
        raise SettingsError(
            f"--model {name}: is a configuration without weights. Name a directory that holds both, or begin with new "
            "weights: finetune --from-scratch, pretrain --config."
        )
    if os.path.isdir(name):
        logging.disable_progress_bar()  # reading a file takes a second; a download keeps its bar
    encoder = FAMILIES[config.model_type].encoder
    # Bare encoders of these families were saved without the name that they have in the whole model.
    bare = encoder is not None and "encoder_config" not in _raw_config(name)
    try:
        loaded, report = (AutoModel if bare else AutoModelForCTC).from_pretrained(
            name,
            config=encoder_config(config) if bare else config,
            dtype=torch.float32,  # a file in half precision would become a model that refuses float32 input
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # the caller tells of these with the others
            trust_remote_code=False,
        )
    except Exception as error:  # missing, cut short, or a pickle that holds more than weights
        reason = " ".join(str(error).split())[:300]
        if "weights_only" in reason:  # torch goes on with advice to run it all the same
            reason = "its pickle holds more than weights, which could run code here"
        raise SettingsError(
            f"--model {name}: its weights cannot be loaded ({reason}). It takes a whole model.safetensors, or a "
            "pytorch_model.bin of nothing but tensors."
        ) from error
    missing, mismatched = set(report["missing_keys"]), {key[0] for key in report["mismatched_keys"]}
    if not bare:
        return loaded, missing, mismatched
    model = AutoModelForCTC.from_config(config)
    setattr(model, str(encoder), loaded)
    return model, missing | _head_keys(config), mismatched


def _raw_config(place: str) -> dict[str, object]:
    """config.json as it was written, without what transformers fills in."""
    return PreTrainedConfig.get_config_dict(place)[0]


def _head_keys(config: PreTrainedConfig) -> set[str]:
    head = FAMILIES[config.model_type].head
    return {f"{head}.weight", f"{head}.bias"}


def _feature_extractor(name: str, config: PreTrainedConfig) -> FeatureExtractor:
    if os.path.isfile(name):  # a configuration alone
        return plain_feature_extractor(config)
    found = [path for file in _EXTRACTOR_FILES if (path := find_file(name, file))]
    try:
        extractor = AutoFeatureExtractor.from_pretrained(found[0].parent if found else name, trust_remote_code=False)
    except (OSError, ValueError):
        extractor = plain_feature_extractor(config)
    if extractor.sampling_rate != RATE:
        raise SettingsError(
            f"--model {name}: hears {extractor.sampling_rate:,} samples a second; allowed: {RATE:,}. Take another."
        )
    # Without the mask, padding changes what a clip is heard as; with it, models with layer norm are exact.
    extractor.return_attention_mask = True
    return extractor


def _is_misspelt(place: str) -> bool:
    """Whether this can only have been meant as a path: no Hub id looks so, or its parent is a directory here."""
    if os.path.exists(place):
        return False
    return re.fullmatch(r"[\w.-]+(/[\w.-]+)?", place) is None or os.path.isdir(os.path.dirname(place) or "-")

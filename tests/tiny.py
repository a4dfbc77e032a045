"""Tiny random models and clips, for tests of every room that needs some."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import datasets
import numpy as np
import soundfile
import torch
from safetensors.torch import save_file
from transformers import (
    AutoConfig,
    AutoModelForCTC,
    PreTrainedModel,
    Wav2Vec2FeatureExtractor,
    WhisperConfig,
    WhisperFeatureExtractor,
)
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from hf_speech_tl.models import FeatureExtractor, Vocabulary
from hf_speech_tl.models.families import FAMILIES as _FAMILIES
from hf_speech_tl.models.frames import plain_feature_extractor

RATE = 16_000
VOCABULARY = Vocabulary(("[PAD]", "|", "a", "b", "c", "d"))
EXTRACTOR = Wav2Vec2FeatureExtractor(sampling_rate=RATE, do_normalize=True, return_attention_mask=True)


# What a family has names of its own for.
_OWN: dict[str, dict[str, object]] = {
    "unispeech-sat": dict(bos_token_id=0, eos_token_id=0),
    "sew": dict(squeeze_factor=2),
    "sew-d": dict(squeeze_factor=2, position_buckets=8, feature_layer_norm_eps=1e-5, pooler_hidden_size=16),
    "data2vec-audio": dict(conv_pos_kernel_size=5, num_conv_pos_embeddings=2),
    "wav2vec2-conformer": dict(conv_depthwise_kernel_size=5, conformer_conv_dropout=0.0),
    "wav2vec2-bert": dict(
        conv_depthwise_kernel_size=5,
        conformer_conv_dropout=0.0,
        left_max_position_embeddings=8,
        right_max_position_embeddings=8,
    ),
}
# These keep the encoder's part of their configuration apart. The narrowest strides give them frames enough.
_ENCODERS: dict[str, dict[str, object]] = {
    "parakeet_ctc": dict(conv_kernel_size=5, subsampling_factor=2, subsampling_conv_channels=4, num_mel_bins=8),
    "lasr_ctc": dict(conv_kernel_size=4, subsampling_conv_stride=1, subsampling_conv_channels=8, num_mel_bins=16),
}
_DROPOUTS = ("dropout", "activation_dropout", "attention_dropout")
FAMILIES = tuple(_FAMILIES)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


# As the commands do; else gloo's threads now and then abort a process that has done all it had to. They are held by a
# model in parallel for as long as anything names it: what a program makes ends with its function, not with Python.
_JOINED = """
from hf_speech_tl.stages.runs.processes import join_processes
join_processes()
def program():
{}
program()
"""


def in_pair(program: str, directory: Path) -> None:
    """Run `program` in two processes on the CPU that train together, each with its rank and `directory` as arguments.

    It finds the tests of training as modules.
    """
    here = Path(__file__).parent
    environment = {"PYTHONPATH": f"{here / 'training'}:{here}:{os.environ.get('PYTHONPATH', '')}"}
    environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "ACCELERATE_USE_CPU": "true"}
    environment |= {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _JOINED.format(textwrap.indent(program, " ")), str(rank), str(directory)],
            env=os.environ | environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    assert [process.wait(timeout=240) for process in running] == [0, 0]


def extractor_of(model: PreTrainedModel) -> FeatureExtractor:
    """What feeds a tiny model of any family."""
    return plain_feature_extractor(model.config)


def save_whisper(directory: Path, kind: type = WhisperEncoder, layers: int = 2) -> str:
    """A tiny Whisper in `directory`. Three seconds of window instead of thirty, so that the tests are quick."""
    torch.manual_seed(0)
    config = WhisperConfig(
        d_model=16,
        encoder_layers=layers,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        num_mel_bins=80,
        max_source_positions=150,
        vocab_size=20,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    kind(config).save_pretrained(directory)
    WhisperFeatureExtractor(chunk_length=3).save_pretrained(directory)
    return str(directory)


def tiny_model(family: str = "wav2vec2", *, symbols: int = len(VOCABULARY), **changes: object) -> PreTrainedModel:
    """A CTC model with two narrow layers and 50 frames a second, with the same weights every time."""
    torch.manual_seed(0)
    settings: dict[str, object] = dict(
        vocab_size=symbols,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8, 8, 16),
        conv_kernel=(20, 16, 8),
        conv_stride=(10, 8, 4),
        num_feat_extract_layers=3,
        feat_extract_norm="layer",
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
        feat_proj_dropout=0.0,
        final_dropout=0.0,
        layerdrop=0.0,
        mask_time_prob=0.0,
        mask_feature_prob=0.0,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=None,
    )
    settings |= _OWN.get(family, {}) | changes
    if family in _ENCODERS:
        own = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "layerdrop")
        encoder = {name: settings[name] for name in own} | dict.fromkeys(_DROPOUTS, 0.0) | _ENCODERS[family]
        settings = {"vocab_size": settings["vocab_size"], "pad_token_id": 0, "encoder_config": encoder}
    return AutoModelForCTC.from_config(AutoConfig.for_model(family, **settings))


def encoder_of(model: PreTrainedModel) -> PreTrainedModel:
    """The model without its head, as encoders are published."""
    return getattr(model, _FAMILIES[model.config.model_type].encoder or model.base_model_prefix)


def save_tiny(directory: Path, family: str = "wav2vec2", **changes: object) -> Path:
    """A directory as others publish it: the tiny model with its processor."""
    directory.mkdir(parents=True, exist_ok=True)
    model = tiny_model(family, **changes)
    model.save_pretrained(directory)
    VOCABULARY.processor(extractor_of(model), directory).save_pretrained(directory)
    return directory


def save_many_languages(directory: Path) -> Path:
    """A model laid out as facebook/mms-1b-all is: English in the weights, a file for each other language."""
    symbols = {
        "eng": ["<pad>", "a", "b"],
        "swh": ["<pad>", "|", "a", "e", "ŋ"],
        "cmn-script_simplified": ["<pad>", "你"],
    }
    model = tiny_model(symbols=3, adapter_attn_dim=4, do_stable_layer_norm=True)
    model.save_pretrained(directory)
    EXTRACTOR.save_pretrained(directory)
    ids = {lang: {symbol: at for at, symbol in enumerate(own)} for lang, own in symbols.items()}
    (directory / "vocab.json").write_text(json.dumps(ids), "utf-8")
    torch.manual_seed(1)
    layers = {name: torch.randn_like(weight) for name, weight in model._get_adapters().items()}
    layers |= {"lm_head.weight": torch.randn(5, 16), "lm_head.bias": torch.randn(5)}
    save_file(layers, directory / "adapter.swh.safetensors")
    return directory


def tiny_rows(lengths: tuple[float, ...], texts: tuple[str, ...], seed: int = 0) -> datasets.Dataset:
    """Rows of the one table, of noise that lasts `lengths` seconds, with their transcripts."""
    generator = np.random.default_rng(seed)
    rows = []
    for at, (seconds, text) in enumerate(zip(lengths, texts, strict=True)):
        stream = io.BytesIO()
        noise = generator.normal(0, 0.1, round(seconds * RATE)).clip(-0.9, 0.9)
        soundfile.write(stream, noise, RATE, format="FLAC")
        audio = {"bytes": stream.getvalue(), "path": None, "offset": None, "length": None}
        rows.append({"id": f"clip{at}", "audio": audio, "text": text, "transcript": text, "speaker": None})
        rows[-1] |= {"seconds": seconds, "source": "noise", "lang": "it"}
    return datasets.Dataset.from_list(rows)

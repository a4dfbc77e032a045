"""What the stand-in serves under the names that people type: a small XLS-R, and recordings in the shape of FLEURS."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tiny import EXTRACTOR, tiny_model
from transformers import AutoModelForPreTraining

from hub.shelf import Repository

XLSR = "facebook/wav2vec2-xls-r-300m"
FLEURS = "datasets/google/fleurs"


def xlsr() -> Repository:
    """As facebook/wav2vec2-xls-r-300m lies there: an encoder with its quantiser as .bin, the names of its weights from
    before torch's parametrizations, no symbols."""
    config = tiny_model(
        do_stable_layer_norm=True,
        conv_bias=True,
        codevector_dim=8,
        proj_codevector_dim=8,
        num_codevectors_per_group=4,
        mask_time_prob=0.075,
    ).config
    config.architectures = ["Wav2Vec2ForPreTraining"]
    model = AutoModelForPreTraining.from_config(config)
    renamed = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    weights = {}
    for key, weight in model.state_dict().items():
        for new, old in renamed.items():
            key = key.replace(new, old)
        weights[key] = weight
    stream = io.BytesIO()
    torch.save(weights, stream)
    files = {
        "README.md": b"---\nlicense: apache-2.0\nlanguage: multilingual\n---\n# XLS-R, but small\n",
        "config.json": config.to_json_string().encode(),
        "preprocessor_config.json": json.dumps(EXTRACTOR.to_dict()).encode(),
        "pytorch_model.bin": stream.getvalue(),
    }
    return Repository(files=files)


def fleurs(clips: Mapping[str, Sequence[tuple[bytes, str]]]) -> Repository:
    """As the Hub converts google/fleurs: a folder a language, here Mandarin, one a split, and its columns.

    clips: of each split, recordings as files of any kind, and what is said there.
    """
    converted = {}
    for split, said in clips.items():
        columns = {
            "id": [1000 + at // 2 for at in range(len(said))],  # FLEURS numbers sentences, which several people read
            "num_samples": [0] * len(said),
            "path": [f"{split}/{at}.wav" for at in range(len(said))],
            "audio": [{"bytes": audio, "path": f"{at}.wav"} for at, (audio, _) in enumerate(said)],
            "transcription": [text for _, text in said],
            "raw_transcription": [f"{text}。" for _, text in said],
            "gender": [at % 2 for at in range(len(said))],
            "lang_id": [15] * len(said),
            "language": ["Mandarin Chinese"] * len(said),
        }
        stream = io.BytesIO()
        pq.write_table(pa.table(columns), stream)
        converted[f"cmn_hans_cn/{split}/0000.parquet"] = stream.getvalue()
    readme = b"---\nlicense: cc-by-4.0\n---\n"
    return Repository(files={"README.md": readme, "fleurs.py": b""}, refs={"refs/convert/parquet": converted})

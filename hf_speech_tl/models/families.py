"""The families of speech encoders that can be trained here: a row each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hf_speech_tl.errors import SettingsError


@dataclass(frozen=True)
class Family:
    """What differs between families; the rest is the same code for all.

    lora_targets: the projections that LoRA adapts. They must be called as modules: WavLM hands the weights of its
    attention projections to torch's fused attention, so an adapter there would never be run.
    hears: a waveform, through convolutions of its own, or log-mel features.
    """

    model_type: str
    lora_targets: tuple[str, ...]
    hears: Literal["waveform", "log-mel"] = "waveform"


_ATTENTION = ("q_proj", "k_proj", "v_proj", "out_proj")
_CONFORMER = ("linear_q", "linear_k", "linear_v", "linear_out")
_DEBERTA = ("query_proj", "key_proj", "value_proj", "dense")
_FEED_FORWARD = ("intermediate_dense", "output_dense")

FAMILIES = {
    family.model_type: family
    for family in (
        Family("wav2vec2", _ATTENTION + _FEED_FORWARD),
        Family("hubert", _ATTENTION + _FEED_FORWARD),
        Family("wavlm", _FEED_FORWARD),
        Family("data2vec-audio", _ATTENTION + _FEED_FORWARD),
        Family("sew", _ATTENTION + _FEED_FORWARD),
        Family("sew-d", _DEBERTA),
        Family("unispeech", _ATTENTION + _FEED_FORWARD),
        Family("unispeech-sat", _ATTENTION + _FEED_FORWARD),
        Family("wav2vec2-conformer", _CONFORMER + _FEED_FORWARD),
        Family("wav2vec2-bert", _CONFORMER + _FEED_FORWARD, hears="log-mel"),
    )
}


def find_family(model_type: str | None, name: str) -> Family:
    """The row for a configuration's `model_type`; SettingsError names the families there are."""
    if model_type in FAMILIES:
        return FAMILIES[model_type]
    raise SettingsError(
        f"--model {name}: its family is {model_type!r}; supported are {', '.join(FAMILIES)}. "
        "Choose a checkpoint of one of these."
    )

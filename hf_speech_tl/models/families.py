"""The families of speech encoders that can be trained here: a row each."""

from __future__ import annotations

from dataclasses import dataclass

from hf_speech_tl.errors import SettingsError


@dataclass(frozen=True)
class Family:
    """What differs between families; the rest is the same code for all.

    lora_targets: the projections that LoRA adapts. They must be called as modules: WavLM hands the weights of its
    attention projections to torch's fused attention, so an adapter there would never be run.
    """

    model_type: str
    lora_targets: tuple[str, ...]


_ATTENTION = ("q_proj", "k_proj", "v_proj", "out_proj")
_FEED_FORWARD = ("intermediate_dense", "output_dense")

FAMILIES = {
    family.model_type: family
    for family in (
        Family("wav2vec2", _ATTENTION + _FEED_FORWARD),
        Family("hubert", _ATTENTION + _FEED_FORWARD),
        Family("wavlm", _FEED_FORWARD),
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

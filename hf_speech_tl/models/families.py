"""The families of speech encoders that can be trained here: a row each."""

from __future__ import annotations

from dataclasses import dataclass

from transformers import PreTrainedConfig

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.models.frontends import LASR, PARAKEET, SEAMLESS, WAVEFORM, Frontend


@dataclass(frozen=True)
class Family:
    """What differs between families; the rest is the same code for all.

    lora_targets: the projections that LoRA adapts. They must be called as modules: WavLM hands the weights of its
    attention projections to torch's fused attention, so an adapter there would never be run. head: the name of the
    output layer. encoder: the name of the encoder, where the model itself does not tell it as its base model.
    hears_padding: its convolutions run over padding, so that a clip's last frames depend on what it is batched with.
    relatives: other models with the same encoder, whose own decoder or lack of one does not matter here.
    """

    model_type: str
    lora_targets: tuple[str, ...]
    frontend: Frontend = WAVEFORM
    head: str = "lm_head"
    encoder: str | None = None
    hears_padding: bool = False
    relatives: tuple[str, ...] = ()


_ATTENTION = ("q_proj", "k_proj", "v_proj", "out_proj")
_CONFORMER = ("linear_q", "linear_k", "linear_v", "linear_out")
_DEBERTA = ("query_proj", "key_proj", "value_proj", "dense")
_FAST_CONFORMER = ("q_proj", "k_proj", "v_proj", "o_proj", "linear1", "linear2")
_FEED_FORWARD = ("intermediate_dense", "output_dense")

FAMILIES = {
    family.model_type: family
    for family in (
        Family("wav2vec2", _ATTENTION + _FEED_FORWARD),
        Family("hubert", _ATTENTION + _FEED_FORWARD),
        Family("wavlm", _FEED_FORWARD),
        Family("data2vec-audio", _ATTENTION + _FEED_FORWARD, hears_padding=True),
        Family("sew", _ATTENTION + _FEED_FORWARD, hears_padding=True),
        Family("sew-d", _DEBERTA, hears_padding=True),
        Family("unispeech", _ATTENTION + _FEED_FORWARD),
        Family("unispeech-sat", _ATTENTION + _FEED_FORWARD),
        Family("wav2vec2-conformer", _CONFORMER + _FEED_FORWARD, hears_padding=True),
        Family("wav2vec2-bert", _CONFORMER + _FEED_FORWARD, SEAMLESS),
        Family(
            "parakeet_ctc",
            _FAST_CONFORMER,
            PARAKEET,
            head="ctc_head",
            encoder="encoder",
            hears_padding=True,
            relatives=("parakeet_encoder", "parakeet_tdt", "parakeet_rnnt"),
        ),
        Family("lasr_ctc", _FAST_CONFORMER, LASR, head="ctc_head", encoder="encoder", relatives=("lasr_encoder",)),
    )
}


_BY_TYPE = {kind: family for family in FAMILIES.values() for kind in (family.model_type, *family.relatives)}


def family_of(config: PreTrainedConfig) -> Family:
    """The row for the configuration of a model with a head, or of an encoder alone, that is known to have one."""
    return _BY_TYPE[config.model_type]


def find_family(model_type: str | None, name: str) -> Family:
    """The row for a configuration's `model_type`; SettingsError names the families there are."""
    if family := _BY_TYPE.get(model_type or ""):
        return family
    raise SettingsError(
        f"--model {name}: its family is {model_type!r}; supported are {', '.join(FAMILIES)}. "
        "Choose a checkpoint of one of these."
    )

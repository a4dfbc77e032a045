"""Models and data that go together, for whoever names neither."""

from __future__ import annotations

from dataclasses import dataclass

AUTO = "auto"  # of preset, model and data: what fits the machine, the network and the language
STARTER = "starter"
# Of its weights: some of what they learnt from is under this licence, which asks to share alike (assets/README.md).
STARTER_LICENCE = "cc-by-sa-4.0"


@dataclass(frozen=True)
class Preset:
    """A value of --model, and one of --data."""

    model: str
    data: str


# base: 300 M parameters pretrained on 436,000 h in 128 languages (Babu et al. 2021, arXiv:2111.09296); large: 600 M on
# 4.5 million hours in more than 143 (Seamless Communication 2023, arXiv:2312.05187).
PRESETS = {
    STARTER: Preset(STARTER, "starter"),
    "base": Preset("facebook/wav2vec2-xls-r-300m", "fleurs"),
    "large": Preset("facebook/w2v-bert-2.0", "fleurs"),
}

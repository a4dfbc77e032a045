"""Weights for an encoder that starts from nothing, placed where learning begins sooner."""

from __future__ import annotations

import math

import torch
from torch import nn
from transformers import AutoModelForCTC, PreTrainedConfig, PreTrainedModel

from hf_speech_tl.audio import RATE
from hf_speech_tl.models.frontends import encoder_config

_SHORTEST_FILTER = 128  # taps, 8 ms: a pitch period; in much less a filter has no frequency of its own


def empty_model(config: PreTrainedConfig) -> PreTrainedModel:
    """A model of this shape whose weights were never written, for a rehearsal: of any size it takes no memory.

    As `load_checkpoint` has it, without LayerDrop, which published configurations have: its chance cannot be rehearsed.
    """
    encoder_config(config).layerdrop = 0.0
    with torch.device("meta"):
        model: PreTrainedModel = AutoModelForCTC.from_config(config)
    return model.to_empty(device="cpu")


def place_filterbank(model: PreTrainedModel) -> None:
    """Start the first two convolutions as a mel filterbank, where the architecture has room for one.

    The first layer gets pairs of Gabor filters (cosine and sine) on the mel scale, after the time-domain filterbanks of
    Zeghidour et al. 2018 (arXiv:1711.01161), which the layer's norm and activation then level and rectify. The second
    layer gets a Hann window over each pair, on top of small random weights, so that its first channels are smoothed
    band energies. The widths and shares were set by hand and not tuned. All of it
    goes on learning. Layers as short as wav2vec 2.0's own (10 taps) are left random.
    """
    encoder = getattr(model.base_model, "feature_extractor", None)
    convolutions = [module for module in encoder.modules() if isinstance(module, nn.Conv1d)] if encoder else []
    if len(convolutions) < 2 or convolutions[0].kernel_size[0] < _SHORTEST_FILTER:
        return
    first, second = convolutions[:2]
    bands, taps = first.out_channels // 2, first.kernel_size[0]
    edges = _mel_edges(bands)
    time = (torch.arange(taps) - (taps - 1) / 2) / RATE
    with torch.no_grad():
        for band in range(bands):
            width = (edges[band + 2] - edges[band]) / 2
            deviation = min(1.2 / (2 * math.pi * width), taps / RATE / 5)
            envelope = torch.exp(-(time**2) / (2 * deviation**2))
            for part, wave in enumerate((torch.cos, torch.sin)):
                taps_of_band = envelope * wave(2 * math.pi * edges[band + 1] * time)
                taps_of_band -= taps_of_band.mean()
                first.weight[band + part * bands, 0] = taps_of_band / taps_of_band.norm()
        if first.bias is not None:
            first.bias.zero_()
        second.weight.mul_(0.3)
        window = torch.hann_window(second.kernel_size[0] + 2)[1:-1]
        for band in range(min(bands, second.out_channels)):
            for channel in (band, band + bands):
                second.weight[band, channel] += 0.7 * window / window.norm()


def _mel_edges(bands: int) -> list[float]:
    """`bands + 2` frequencies in Hz, evenly spaced in mel between 60 and 7,600 Hz."""
    low, high = (2595 * math.log10(1 + hertz / 700) for hertz in (60.0, 7600.0))
    return [700 * (10 ** ((low + (high - low) * at / (bands + 1)) / 2595) - 1) for at in range(bands + 2)]


def fresh_head(old: nn.Linear | nn.Conv1d, symbols: int, deviation: float) -> nn.Linear | nn.Conv1d:
    """A CTC head as `old`, but for `symbols` outputs and with random weights of this standard deviation."""
    if isinstance(old, nn.Linear):
        head: nn.Linear | nn.Conv1d = nn.Linear(old.in_features, symbols)
    else:
        head = type(old)(old.in_channels, symbols, kernel_size=1)
    nn.init.normal_(head.weight, std=deviation)
    if head.bias is not None:
        nn.init.zeros_(head.bias)
    return head

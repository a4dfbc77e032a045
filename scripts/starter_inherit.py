"""A w2v-BERT that begins with the first layers of Whisper's encoder: what these know need not be learnt again.

Both have layers of attention and feed-forward with a norm before each, so that the matrices can be taken over as they
are. What differs:

- w2v-BERT hears the log-mel bands of a clip, each with mean 0 and variance 1, and a linear layer stands where Whisper
  has two convolutions. It is fitted to what these make of the same audio, together with the first half-step
  feed-forward.
- A layer has two feed-forwards of half a step. The hidden values that matter most go into the second one, the next ones
  into the first of the layer above, where they follow without anything in between. The rest, whose share `inherit`
  tells, is lost.
- A layer ends with a norm. Its scale and shift, a value each, are fitted so that it changes as little as can be.
- Whisper adds a position to what it hears; here all frames stand at the same one, and the embeddings of distances are
  fitted so that each head attends as far on average. The convolutions begin as nothing at all.
- Four frames of 10 ms are joined to one: 25 frames a second, where Whisper has 50.

Initialising a student with layers of its teacher: DistilBERT (Sanh et al. 2019), DistilHuBERT (Chang et al. 2022).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from starter_heard import draw_clips, windows
from starter_pack import MOST_BYTES
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    SeamlessM4TFeatureExtractor,
    Wav2Vec2BertConfig,
    Wav2Vec2BertModel,
    WhisperFeatureExtractor,
)
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from hf_speech_tl.audio import RATE
from hf_speech_tl.errors import SettingsError, named_by
from hf_speech_tl.models import pad
from hf_speech_tl.models.checkpoint import read_any_config
from hf_speech_tl.models.whisper import read_whisper

_LAYERS = 3
_HALF = 15 / 32  # of Whisper's hidden values in a feed-forward of half a step: just under 12 million weights in all
_HOP, _STRIDE = 160, 4  # samples between columns of the spectrogram, and columns in a frame
_BANDS = 80
_POSITION = 2 / 15  # of Whisper's window, where all frames stand: at 4 of 30 s
_FRAME = 320  # samples, 20 ms: Whisper's
_STEPS, _ROWS, _RATE = 600, 2048, 1e-3
_RIDGE = 0.01  # of the mean square of a value


def inherit(teacher: str, sources: Sequence[str], output: Path, *, seed: int) -> None:
    """Write the encoder, with its feature extractor, into `output`. teacher: a Whisper encoder, a directory or a Hub
    id; sources: LANG=DIR as of --data. Raises SettingsError for a teacher that cannot be loaded, or
    whose layers are too large for a starter."""
    torch.manual_seed(seed)
    with named_by("--teacher"):
        config = read_any_config(teacher)
        if config.model_type != "whisper":
            raise SettingsError(f"--model {teacher}: is of the family {config.model_type}; allowed: whisper")
        whisper, extractor = read_whisper(teacher, config)
    whisper, hear = whisper.eval(), _hearing(extractor)
    encoder = Wav2Vec2BertModel(_shape(whisper)).eval()
    if (size := 2 * encoder.num_parameters()) > MOST_BYTES:  # in half precision, as it is packed
        raise SettingsError(
            f"--teacher {teacher}: layers as wide as its own come to {size / 1e6:.0f} MB; allowed: "
            f"{MOST_BYTES / 1e6:g} MB; take Whisper base or tiny"
        )
    clips = draw_clips(sources, seed)
    together = list(windows(clips, whisper.config.max_source_positions * _FRAME))
    hears = SeamlessM4TFeatureExtractor(stride=_STRIDE)
    with torch.no_grad():
        _take_layers(whisper, encoder, together, hear)
    _fit_front(whisper, encoder, hears, clips, hear)
    with torch.no_grad():
        for number in range(_LAYERS):
            _fit_distances(whisper, encoder, number, hears, together, hear)
    encoder.save_pretrained(output)
    hears.save_pretrained(output)


def _shape(whisper: WhisperEncoder) -> Wav2Vec2BertConfig:
    config = whisper.config
    still = ("hidden", "activation", "attention", "feat_proj", "final", "conformer_conv")
    return Wav2Vec2BertConfig(
        hidden_size=config.d_model,
        num_hidden_layers=_LAYERS,
        num_attention_heads=config.encoder_attention_heads,
        intermediate_size=int(config.encoder_ffn_dim * _HALF),
        feature_projection_input_dim=_STRIDE * _BANDS,
        hidden_act="gelu",
        left_max_position_embeddings=32,
        right_max_position_embeddings=32,
        conv_depthwise_kernel_size=15,
        output_hidden_size=config.d_model,
        mask_time_prob=0.0,
        mask_time_length=2,
        layerdrop=0.0,
        vocab_size=32,  # as wav2vec 2.0 has it: an encoder has no symbols, but a class of its configuration wants some
        **{f"{name}_dropout": 0.0 for name in still},
    )


def _take_layers(
    whisper: WhisperEncoder, encoder: Wav2Vec2BertModel, windows: Sequence[np.ndarray], hear: Callable[..., Tensor]
) -> None:
    states, weights = _look(whisper, windows, hear)
    layers = encoder.encoder.layers
    layers[0].ffn1.output_dense.weight.mul_(0.1)  # fitted later
    for number, (old, new) in enumerate(zip(whisper.layers, layers, strict=False)):
        for name in ("q", "k", "v", "out"):
            _copy(getattr(old.self_attn, f"{name}_proj"), getattr(new.self_attn, f"linear_{name}"))
        new.self_attn_layer_norm.load_state_dict(old.self_attn_layer_norm.state_dict())
        new.self_attn.distance_embedding.weight.zero_()  # fitted later
        new.conv_module.pointwise_conv2.weight.zero_()
        order, inner = weights[number].argsort(descending=True), encoder.config.intermediate_size
        shifts = old.fc2.bias, torch.zeros_like(old.fc2.bias)
        above = layers[number + 1] if number + 1 < _LAYERS else None
        halves = [(new.ffn2, new.ffn2_layer_norm), *([(above.ffn1, above.ffn1_layer_norm)] if above else [])]
        for at, ((half, norm), shift) in enumerate(zip(halves, shifts, strict=False)):
            kept = order[at * inner : (at + 1) * inner]
            half.intermediate_dense.weight.copy_(old.fc1.weight[kept])
            half.intermediate_dense.bias.copy_(old.fc1.bias[kept])
            half.output_dense.weight.copy_(2 * old.fc2.weight[:, kept])  # half of it is added
            half.output_dense.bias.copy_(2 * shift)
            norm.load_state_dict(old.final_layer_norm.state_dict())
        share = weights[number][order[: inner * len(halves)]].sum() / weights[number].sum()
        print(f"layer {number + 1}: {share:.1%} of its feed-forward is kept", file=sys.stderr)
        _fit_norm(new.final_layer_norm, states[number + 1], last=above is None)


def _look(
    whisper: WhisperEncoder, windows: Sequence[np.ndarray], hear: Callable[..., Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """What Whisper's layers make of windows: the states before the first layer and after each `(frames, width)`, and of
    each layer how much each hidden value of its feed-forward adds on average, `(values,)`."""
    added: list[list[Tensor]] = [[] for _ in range(_LAYERS)]
    hooks = [
        layer.fc1.register_forward_hook(
            lambda _, __, values, kept=kept: kept.append(functional.gelu(values)[0].abs().mean(0))
        )
        for layer, kept in zip(whisper.layers, added, strict=False)
    ]
    found = []
    for window in windows:
        output = whisper(hear(window, window=True)[None], output_hidden_states=True)
        own = -(-len(window) // _FRAME)
        found.append([states[0, :own] for states in output.hidden_states[: _LAYERS + 1]])
    for hook in hooks:
        hook.remove()
    states = [torch.cat(of_layer) for of_layer in zip(*found, strict=True)]
    weights = [
        torch.stack(kept).mean(0) * layer.fc2.weight.norm(dim=0)
        for kept, layer in zip(added, whisper.layers, strict=False)
    ]
    return states, weights


def _copy(old: nn.Linear, new: nn.Linear) -> None:
    new.weight.copy_(old.weight)
    new.bias.copy_(torch.zeros_like(new.bias) if old.bias is None else old.bias)


def _fit_norm(norm: nn.LayerNorm, states: Tensor, *, last: bool) -> None:
    """Scale and shift by which the norm leaves states `(frames, width)` as they are, or, of the last layer, each value
    with mean 0 and variance 1."""
    normed = functional.layer_norm(states, states.shape[1:])
    middle, deviation = normed.mean(0), normed.std(0)
    scale = 1 / deviation if last else ((normed - middle) * states).mean(0) / deviation**2
    norm.weight.copy_(scale)
    norm.bias.copy_((0 if last else states.mean(0)) - scale * middle)


def _fit_front(
    whisper: WhisperEncoder,
    encoder: Wav2Vec2BertModel,
    extractor: SeamlessM4TFeatureExtractor,
    clips: Sequence[np.ndarray],
    hear: Callable[..., Tensor],
) -> None:
    """Fit what comes before the first attention to what Whisper's convolutions make of the clips, at one position."""
    position = whisper.embed_positions.weight[int(_POSITION * whisper.config.max_source_positions)].detach()
    pairs = []
    for clip in clips:
        with torch.inference_mode():
            halfway = functional.gelu(whisper.conv1(hear(clip)[None]))
            made = functional.gelu(whisper.conv2(halfway))[0].T
        inputs, mask = pad(extractor, [clip])
        heard = inputs[0, : int(mask.sum())]
        pairs.append((heard, position + _between(made, len(heard))))
    heard, wanted = (torch.cat(side) for side in zip(*pairs, strict=True))
    projection, first = encoder.feature_projection, encoder.encoder.layers[0]
    with torch.no_grad():
        normed = functional.layer_norm(heard, heard.shape[1:])
        known = torch.cat([normed, torch.ones(len(normed), 1)], 1)
        ridge = 1e-3 * len(known) * torch.eye(known.shape[1])
        solved = torch.linalg.solve(known.T @ known + ridge, known.T @ wanted)
        projection.projection.weight.copy_(solved[:-1].T)
        projection.projection.bias.copy_(solved[-1])
    trained = [*projection.parameters(), *first.ffn1_layer_norm.parameters(), *first.ffn1.parameters()]
    optimiser = torch.optim.AdamW(trained, lr=_RATE, betas=(0.9, 0.98), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=_STEPS, pct_start=0.1)
    spread = (wanted - wanted.mean(0)).square().sum(1).mean()
    for _ in range(_STEPS):
        rows = torch.randint(0, len(heard), (_ROWS,))
        states, _ = projection(heard[rows])
        states = states + 0.5 * first.ffn1(first.ffn1_layer_norm(states))
        loss = (states - wanted[rows]).square().sum(1).mean() / spread
        loss.backward()
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
    print(f"convolutions: {1 - loss.item():.1%} of the variance is matched", file=sys.stderr)


def _fit_distances(
    whisper: WhisperEncoder,
    encoder: Wav2Vec2BertModel,
    number: int,
    extractor: SeamlessM4TFeatureExtractor,
    windows: Sequence[np.ndarray],
    hear: Callable[..., Tensor],
) -> None:
    """Fit a layer's embeddings of distances, so that each head attends as far on average as Whisper's, whose positions
    it lacks; the layers below are in place."""
    attention = encoder.encoder.layers[number].self_attn
    reach, heads, width = attention.left_max_position_embeddings, attention.num_heads, attention.head_size
    old = whisper.layers[number]
    wanted, second, first = 0.0, 0.0, 0.0
    for window in windows:
        states = whisper(hear(window, window=True)[None], output_hidden_states=True).hidden_states[number][0]
        normed = old.self_attn_layer_norm(states[: len(window) // _FRAME])
        theirs = _by_distance(old.self_attn.q_proj(normed), old.self_attn.k_proj(normed), heads, 2 * reach)
        # Of two frames that become one, what lies between counts twice.
        smooth = functional.avg_pool1d(functional.avg_pool1d(theirs, 2, 1), 2, 1)
        theirs = torch.cat([theirs[:, :1], smooth[:, 1::2], theirs[:, -1:]], 1)
        found: list[Tensor] = []
        hook = attention.linear_q.register_forward_pre_hook(lambda _, given, found=found: found.append(given[0][0]))
        inputs, mask = pad(extractor, [window])
        encoder(input_features=inputs, attention_mask=mask)
        hook.remove()
        queries = attention.linear_q(found[0])
        ours = _by_distance(queries, attention.linear_k(found[0]), heads, reach)
        by_head = queries.unflatten(1, (heads, width)).transpose(0, 1) * width**-0.5
        wanted = wanted + (theirs - ours) / len(windows)
        first = first + by_head.mean(1) / len(windows)
        second = second + (by_head.mT @ by_head).sum(0) / by_head.shape[1] / len(windows)
    wanted = wanted - wanted.mean(1, keepdim=True)  # the same for all distances is nothing to a softmax
    ridge = _RIDGE * second.trace() / width * torch.eye(width)
    fitted = torch.linalg.solve(second + ridge, first.T @ wanted).T
    left = (first @ fitted.T - wanted).square().sum() / wanted.square().sum()
    print(f"layer {number + 1}: {1 - left:.1%} of how its heads attend by distance is matched", file=sys.stderr)
    attention.distance_embedding.weight.copy_(fitted)


def _by_distance(queries: Tensor, keys: Tensor, heads: int, reach: int) -> Tensor:
    """The mean score of each head for keys from `reach` frames before a query to as many behind it, `(heads, 2 * reach
    + 1)`; the outermost are of all that lie as far or farther."""
    queries, keys = (side.unflatten(1, (heads, -1)).transpose(0, 1) for side in (queries, keys))
    scores = queries @ keys.mT * queries.shape[2] ** -0.5
    frames = torch.arange(scores.shape[1])
    distances = (frames[None] - frames[:, None]).clamp(-reach, reach).flatten() + reach
    sums = torch.zeros(heads, 2 * reach + 1).index_add_(1, distances, scores.flatten(1))
    return sums / torch.bincount(distances, minlength=2 * reach + 1)


def _between(made: Tensor, frames: int) -> Tensor:
    """Whisper's states `(any, width)`, whose middles are 20 ms apart, as `frames` of 40 ms each."""
    places = (_STRIDE * _HOP * torch.arange(frames) + (400 + (_STRIDE - 1) * _HOP) / 2) / _FRAME
    found = torch.zeros(frames, made.shape[1])
    for aside in (-0.5, 0.5):
        place = (places + aside).clamp(0, len(made) - 1)
        below = place.floor().long()
        above = (below + 1).clamp(max=len(made) - 1)
        found += 0.5 * torch.lerp(made[below], made[above], (place - below)[:, None])
    return found


def _hearing(extractor: WhisperFeatureExtractor) -> Callable[..., Tensor]:
    def hear(clip: np.ndarray, *, window: bool = False) -> Tensor:
        """Its log-mel spectrogram, `(bands, columns)`; filled up to a window of 30 s, or as it is."""
        padding = "max_length" if window else "do_not_pad"
        features = extractor(clip, sampling_rate=RATE, padding=padding, truncation=window)
        return torch.as_tensor(np.asarray(features["input_features"][0]))

    return hear

"""The lesson of `--objective masked`: clusters of frames, found before the training, and which frames are masked."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from accelerate import PartialState
from transformers import PreTrainedConfig, set_seed

from hf_speech_tl.audio import from_pulses
from hf_speech_tl.errors import RunError
from hf_speech_tl.models import check_maskable, clustered_layer, frame_count, frame_rate, load_layer, quick_dtype
from hf_speech_tl.objectives import MaskedPrediction, draw_negatives
from hf_speech_tl.settings import PretrainSettings
from hf_speech_tl.stages.lesson import REMEDY, Lesson
from hf_speech_tl.stages.making import kept_in, make_targets
from hf_speech_tl.stages.readiness import Ready
from hf_speech_tl.stages.runs.output import Output
from hf_speech_tl.stages.runs.processes import agree, first_then_others
from hf_speech_tl.stages.teaching import choose_validation
from hf_speech_tl.training import (
    CEPSTRA_CLUSTERS,
    LAYER_CLUSTERS,
    PREDICTION_SHARE,
    Clip,
    Clips,
    Clusters,
    CollapseGuard,
    MadeTargets,
    Spans,
    TargetStates,
    cluster_count,
    cluster_use,
    find_clusters,
    sample_frames,
)

_FILE = "clusters.safetensors"
_SAME = 0.3  # of the run: an encoder from fresh weights begins with the same prediction for every frame
_PURPOSE = 10  # of a generator: an augmenter of clips has the lower ones


def check_masked(settings: PretrainSettings, config: PreTrainedConfig, _: int) -> None:
    """Raise SettingsError for a model whose frames cannot be masked, or a layer to cluster that is not there, as far as
    configurations tell.

    config: the encoder's own.
    """
    check_maskable(settings.begins_as, config, settings.objective)
    if settings.cluster_on:
        clustered_layer(settings.cluster_on)


def predict_masked(settings: PretrainSettings, ready: Ready, output: Output, processes: PartialState) -> Lesson:
    """Find clusters in cepstra, or in a layer's states, and the cluster of each frame.

    Raises SettingsError for a model to cluster that cannot be loaded, RunError where the clusters of a resumed run are
    gone, or of another model.
    """
    corpus, validation = choose_validation(ready.corpus)
    named = settings.cluster_on
    layer = (
        first_then_others(
            processes, lambda: load_layer(named, ready.config, processes.device, quick_dtype(processes.device))
        )
        if named
        else None
    )
    states = TargetStates(ready.config, layer)
    train = Clips(corpus.train)
    clusters = agree(processes, lambda: _clusters(settings, output, states, train))
    content = repr(states.fingerprint()).encode() + clusters.centres.tobytes()
    targets = MadeTargets(
        kept_in(settings, hashlib.blake2b(content, digest_size=16).hexdigest()),
        lambda samples: (frame_count(ready.config, samples),),
    )

    def assigned(clips: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
        return map(clusters.assign, states(clips))

    corpus, validation = make_targets(
        "finding clusters of frames", assigned, targets, corpus, validation, settings, processes
    )
    heard = Clips(validation)
    use = cluster_use((targets.of(heard.decode(at)) for at in range(len(heard))), len(clusters))
    spans = Spans.at_rate(PREDICTION_SHARE, frame_rate(ready.config))
    set_seed(settings.seed)  # finding clusters drew random numbers
    module = MaskedPrediction(ready.encoder, len(clusters))
    return Lesson(
        module=module,
        corpus=corpus,
        validation=validation,
        targets=targets,
        draw=partial(draw_masked, spans, ready.config, settings.seed),
        told=(("clusters", f"of {named or 'cepstra'} (--cluster-on); {use}"),),
        described={
            "clustered_on": Path(named).name if named else "cepstra",
            "clusters": len(clusters),
            "clusters_entropy": round(use.entropy, 4),
        },
        keep=lambda folder: clusters.save(folder / _FILE),
        guard=CollapseGuard(module.tally, begin=max(settings.warmup, _SAME), remedy=REMEDY),
    )


def _clusters(settings: PretrainSettings, output: Output, states: TargetStates, train: Clips) -> Clusters:
    """Those that a resumed run began with, so that ids stay what they were; or new ones."""
    if output.checkpoint:
        clusters = Clusters.load(output.checkpoints / _FILE)
        if clusters.source != states.fingerprint():
            raise RunError(
                f"--cluster-on {settings.cluster_on or 'cepstra'}: its states are not those that this run found its "
                "clusters in, because the model was changed, or this machine computes in another precision. Bring the "
                "old ones back, or start anew with --overwrite."
            )
        return clusters

    def made(row: int) -> np.ndarray:
        return next(states([from_pulses(train.decode(row))]))

    sample = sample_frames(made, len(train), settings.seed)
    most = settings.clusters or (LAYER_CLUSTERS if settings.cluster_on else CEPSTRA_CLUSTERS)
    return find_clusters(sample, cluster_count(len(sample), most), states.fingerprint(), settings.seed)


def draw_masked(
    spans: Spans, config: PreTrainedConfig, seed: int, clip: Clip, negatives: int = 0
) -> dict[str, np.ndarray]:
    """Which frames of a clip are masked in its epoch; and so many negatives for each, where there are to be some."""
    generator = np.random.default_rng([seed, clip["epoch"], zlib.crc32(clip["id"].encode()), _PURPOSE])
    masked = spans.draw(frame_count(config, clip["mask_length"]), generator)
    drawn = {"masked": masked}
    return drawn | {"negatives": draw_negatives(masked, negatives, generator)} if negatives else drawn

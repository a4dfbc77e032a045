"""Clusters of frames, the invented letters that masked prediction learns to read; found by k-means."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import log
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from hf_speech_tl.audio import BadAudio
from hf_speech_tl.errors import DataError, RunError

CEPSTRA_CLUSTERS, LAYER_CLUSTERS = 100, 500  # as HuBERT has them, for cepstra and for a layer's states
_FRAMES_EACH = 100  # two seconds at 50 frames a second: of fewer, a mean says little
_MOST_FRAMES, _MOST_BYTES = 200_000, 2**28
# As HuBERT has them; n_init: how many starts are compared before the first pass.
_BATCH, _STARTS, _PASSES, _PATIENCE = 10_000, 20, 100, 100


@dataclass(frozen=True)
class Clusters:
    """centres: float32 `(clusters, width)`. source: what the frames are, as a fingerprint that tells it from others."""

    centres: np.ndarray
    source: str

    def __len__(self) -> int:
        return len(self.centres)

    def assign(self, states: np.ndarray) -> np.ndarray:
        """The id of the nearest centre of each frame: int64 `(frames,)`; states `(frames, width)`."""
        lengths = (self.centres**2).sum(axis=1)
        return np.argmin(lengths - 2 * states @ self.centres.T, axis=1)

    def save(self, path: Path) -> None:
        """Written beside, then renamed. A run that goes on reads its own, so that ids stay what they were."""
        half = path.with_suffix(f".{uuid.uuid4().hex}.part")
        try:
            save_file({"centres": np.ascontiguousarray(self.centres)}, half, metadata={"source": self.source})
            os.replace(half, path)
        finally:
            half.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> Clusters:
        """Raises RunError where the file is gone or damaged."""
        try:
            with safe_open(path, "numpy") as file:
                return cls(file.get_tensor("centres"), file.metadata()["source"])
        except (OSError, SafetensorError, KeyError, TypeError) as error:
            raise RunError(
                f"{path}: the clusters that this run learns to predict cannot be read ({error}). With others it would "
                "not be the same run: start it anew with --overwrite."
            ) from error


def sample_frames(states_of: Callable[[int], np.ndarray], clips: int, seed: int) -> np.ndarray:
    """Frames to find clusters by, float32 `(frames, width)`: all those of clips drawn at random, until there are
    200,000 or they take 256 MB.

    states_of: the frames `(frames, width)` of a clip by its number, below `clips`; one whose recording is bad is passed
    over. Raises DataError where there are not two frames.
    """
    taken: list[np.ndarray] = []
    count = 0
    for clip in np.random.default_rng(seed).permutation(clips):
        try:
            states = states_of(int(clip)).astype(np.float32)
        except BadAudio:
            continue
        most = min(_MOST_FRAMES, _MOST_BYTES // (4 * states.shape[1]))
        taken.append(states[: most - count])
        count += len(taken[-1])
        if count == most:
            break
    if count < 2:
        raise DataError(f"there is nothing to find clusters in: {clips} clips have less than two frames together")
    return np.concatenate(taken)


def cluster_count(frames: int, most: int) -> int:
    """How many clusters a sample of so many frames has enough of, a hundred each: at most `most`, at least 2."""
    return max(2, min(most, frames // _FRAMES_EACH))


def find_clusters(sample: np.ndarray, count: int, source: str, seed: int) -> Clusters:
    """`count` clusters of a sample of frames `(frames, width)`, by k-means over small batches (Sculley 2010), the best
    of 20 starts by k-means++."""
    from sklearn.cluster import MiniBatchKMeans  # takes a second, for which other runs need not wait

    means = MiniBatchKMeans(
        count,
        batch_size=_BATCH,
        n_init=_STARTS,
        max_iter=_PASSES,
        max_no_improvement=_PATIENCE,
        random_state=seed,
    )
    return Clusters(means.fit(sample).cluster_centers_.astype(np.float32), source)


@dataclass(frozen=True)
class ClusterUse:
    """How evenly frames fall into clusters. entropy: in nats a frame, of how often each id occurs, at most the log of
    their number; the loss of a model that has learnt nothing but this. empty: clusters without a frame."""

    clusters: int
    frames: int
    entropy: float
    empty: int

    def __str__(self) -> str:
        return (
            f"{self.clusters - self.empty} of {self.clusters} clusters are in use; entropy {self.entropy:.2f} nats a "
            f"frame of at most {log(self.clusters):.2f}"
        )


def cluster_use(ids: Iterable[np.ndarray], clusters: int) -> ClusterUse:
    """Of the ids `(frames,)` of any number of clips; those below 0 do not count."""
    counts = np.zeros(clusters, np.int64)
    for of_clip in ids:
        counts += np.bincount(of_clip[of_clip >= 0], minlength=clusters)
    shares = counts[counts > 0] / max(1, counts.sum())
    return ClusterUse(clusters, int(counts.sum()), float(-(shares * np.log(shares)).sum()), int((counts == 0).sum()))

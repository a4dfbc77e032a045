from __future__ import annotations

from math import log
from pathlib import Path

import numpy as np
import pytest

from hf_speech_tl.audio import BadAudio
from hf_speech_tl.errors import DataError, RunError
from hf_speech_tl.training import Clusters, cluster_count, cluster_use, find_clusters, sample_frames
from hf_speech_tl.training import clusters as clusters_module

CENTRES = np.array([[0, 0], [10, 0], [0, 10], [10, 10]], np.float32)


def clouds(frames: int = 800, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Frames around four points, and which of these each belongs to."""
    generator = np.random.default_rng(seed)
    of = generator.integers(0, 4, frames)
    return (CENTRES[of] + generator.normal(0, 0.5, (frames, 2))).astype(np.float32), of


def test_frames_that_lie_together_get_one_id() -> None:
    states, of = clouds()
    found = find_clusters(states, 4, "clouds", seed=0)
    assert len(found) == 4 and found.source == "clouds"
    fresh, of = clouds(seed=1)
    ids = found.assign(fresh)
    assert ids.dtype == np.int64 and len(set(zip(ids.tolist(), of.tolist(), strict=True))) == 4
    nearest = [min(range(4), key=lambda at: ((found.centres[at] - frame) ** 2).sum()) for frame in fresh]
    assert ids.tolist() == nearest


def test_the_seed_decides_and_saved_clusters_are_the_same(tmp_path: Path) -> None:
    states, _ = clouds()
    first, again, other = (find_clusters(states, 7, "clouds", seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.centres, again.centres)
    assert not np.array_equal(first.centres, other.centres)
    path = tmp_path / "clusters.safetensors"
    other.save(path)
    first.save(path)
    loaded = Clusters.load(path)
    np.testing.assert_array_equal(loaded.centres, first.centres)
    assert loaded.source == "clouds" and [entry.name for entry in tmp_path.iterdir()] == ["clusters.safetensors"]


def test_clusters_that_are_lost_stop_the_run(tmp_path: Path) -> None:
    path = tmp_path / "clusters.safetensors"
    with pytest.raises(RunError, match=r"clusters\.safetensors.*--overwrite"):
        Clusters.load(path)
    Clusters(CENTRES, "clouds").save(path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(RunError, match=r"clusters\.safetensors.*--overwrite"):
        Clusters.load(path)


def test_few_frames_have_few_clusters() -> None:
    assert [cluster_count(frames, 100) for frames in (2, 199, 300, 9_999, 10_000, 10**6)] == [2, 2, 3, 99, 100, 100]
    assert len(find_clusters(clouds(2)[0], cluster_count(2, 500), "clouds", 0)) == 2


def test_the_sample_is_bounded_drawn_by_seed_and_passes_over_bad_recordings(monkeypatch) -> None:
    monkeypatch.setattr(clusters_module, "_MOST_FRAMES", 25)
    asked: list[int] = []

    def states_of(clip: int) -> np.ndarray:
        asked.append(clip)
        if clip == 3:
            raise BadAudio("cut short")
        return np.full((10, 2), clip, np.float16)

    sample = sample_frames(states_of, 40, seed=0)
    assert sample.shape == (25, 2) and sample.dtype == np.float32
    assert len(asked) - asked.count(3) == 3 and sorted(asked) != list(range(len(asked)))
    np.testing.assert_array_equal(sample, sample_frames(states_of, 40, seed=0))
    assert not np.array_equal(sample, sample_frames(states_of, 40, seed=1))
    asked.clear()
    assert set(sample_frames(states_of, 5, seed=0)[:, 0]) <= {0, 1, 2, 4}
    monkeypatch.setattr(clusters_module, "_MOST_BYTES", 96)
    assert sample_frames(states_of, 40, seed=0).nbytes == 96


def test_nothing_to_find_clusters_in_is_told() -> None:
    with pytest.raises(DataError, match="3 clips"):
        sample_frames(lambda clip: np.zeros((0, 2), np.float32), 3, seed=0)


def test_how_evenly_clusters_are_used() -> None:
    use = cluster_use([np.array([0, 1, -100]), np.array([1, 0])], 4)
    assert (use.clusters, use.frames, use.empty) == (4, 4, 2) and use.entropy == pytest.approx(log(2))
    assert str(use) == "2 of 4 clusters are in use; entropy 0.69 nats a frame of at most 1.39"
    assert cluster_use([np.arange(4)], 4).entropy == pytest.approx(log(4))
    assert cluster_use([], 4).empty == 4

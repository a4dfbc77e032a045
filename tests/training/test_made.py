"""Targets on the disk, of which something is lost or broken between two runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tiny import tiny_rows

from hf_speech_tl.errors import RunError
from hf_speech_tl.training import Clips, MadeTargets, Store, keep_targets


def _content(array: np.ndarray, folder: Path) -> bytes:
    np.save(folder / "other.npy", array)
    return (folder / "other.npy").read_bytes()


@pytest.mark.parametrize("content", [b"", b"no array", np.ones((4, 4), np.float16), np.ones(5, np.float16)])
def test_what_is_cut_short_or_of_another_shape_is_told_and_made_anew(
    content: bytes | np.ndarray, tmp_path: Path
) -> None:
    clips = Clips(tiny_rows((0.5,), ("a",)))
    targets = MadeTargets(Store(tmp_path / "store"), lambda samples: (samples // 1_600, 4))
    keep_targets(lambda heard: [np.ones((5, 4), np.float16) for _ in heard], targets, clips, [0], lambda _: None)
    targets.store.note_complete("all", {})
    (file,) = targets.store.directory.rglob("*.npy")
    file.write_bytes(content if isinstance(content, bytes) else _content(content, tmp_path))
    with pytest.raises(RunError, match="begin the run once more"):
        targets.of(clips.decode(0))
    assert targets.store.complete("all") is None
    keep_targets(lambda heard: [np.full((5, 4), 2.0, np.float16) for _ in heard], targets, clips, [0], lambda _: None)
    np.testing.assert_array_equal(targets.of(clips.decode(0)), np.full((5, 4), 2.0))
    keep_targets(lambda heard: pytest.fail("made again") if heard else [], targets, clips, [0], lambda _: None)


def test_what_is_made_of_a_clip_beside_others_is_made_so_again_when_one_is_lost(tmp_path: Path) -> None:
    clips = Clips(tiny_rows((0.5, 0.5, 0.5), ("a", "b", "c")))
    targets = MadeTargets(Store(tmp_path / "store"), lambda samples: (1,))

    def made(heard: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.array([len(heard)], np.float16) for _ in heard]

    def kept() -> list[float]:
        keep_targets(made, targets, clips, range(3), lambda _: None)
        return [float(targets.of(clips.decode(row))[0]) for row in range(3)]

    assert kept() == [3.0, 3.0, 3.0]
    next(targets.store.directory.rglob("*.npy")).unlink()
    assert kept() == [3.0, 3.0, 3.0]

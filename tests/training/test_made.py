"""Targets on the disk, of which something is lost or broken between two runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hf_speech_tl.errors import RunError
from hf_speech_tl.training import MadeTargets, Store

CLIP = np.arange(1_600, dtype=np.int16)


@pytest.mark.parametrize("content", [b"", b"no array"])
def test_what_is_cut_short_is_made_anew(content: bytes, tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.put(CLIP, np.ones((5, 4), np.float16))
    store.note_complete("all", {})
    (file,) = tmp_path.rglob("*.npy")
    file.write_bytes(content)
    with pytest.raises(RunError, match="begin the run once more"):
        MadeTargets(store).of(CLIP)
    assert not store.has(CLIP) and store.complete("all") is None

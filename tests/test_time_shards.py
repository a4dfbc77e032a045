from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile


@pytest.mark.slow
def test_reading_is_measured_from_a_disk_and_from_a_server(
    run_script: Callable[..., int | str | None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    cells = []
    for _ in range(20):
        file = io.BytesIO()
        soundfile.write(file, rng.normal(0, 0.1, 16_000), 16_000, format="WAV")
        cells.append({"bytes": file.getvalue(), "path": "a.wav"})
    (tmp_path / "speech").mkdir()
    splits = ["train"] * 16 + ["validation"] * 2 + ["test"] * 2
    columns = {"id": [str(at) for at in range(20)], "audio": cells, "text": ["a word"] * 20, "split": splits}
    pq.write_table(pa.table(columns), tmp_path / "speech" / "clips.parquet")
    words = ("--lang", "en", "--steps", "0", "--times", "2", "--latency", "0", "--batch-seconds", "4")
    assert not run_script("time_shards", tmp_path / "speech", tmp_path / "out", *words)
    lines = [line.split() for line in capfd.readouterr().out.splitlines() if line.startswith("  ")]
    assert [line[-4] for line in lines] == ["16", "16", "32", "32"]

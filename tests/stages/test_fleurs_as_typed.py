"""`--data fleurs` as a person types it: the real client, Parquet in the shape of FLEURS, recordings of people."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hub.contents import FLEURS, fleurs
from hub.server import serve

_READ = {"train": 12, "validation": 4, "test": 4}


def _clips(speech: Path) -> dict[str, list[tuple[bytes, str]]]:
    table = pq.read_table(speech / "zh-hsk-words" / "train.parquet", columns=["audio", "text"])
    rows = iter(table.slice(0, sum(_READ.values())).to_pylist())
    read = {split: [next(rows) for _ in range(count)] for split, count in _READ.items()}
    return {split: [(row["audio"]["bytes"], row["text"]) for row in rows] for split, rows in read.items()}


@pytest.mark.slow
def test_fleurs_by_its_name(speech: Path, tmp_path: Path) -> None:
    with serve({}) as hub:
        hub.repositories[FLEURS] = fleurs(_clips(speech))
        environment = {key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"}
        environment |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
        command = [
            sys.executable,
            "-m",
            "hf_speech_tl.finetune",
            "--lang",
            "zh",
            "--data",
            "fleurs",
            "--max-steps",
            "2",
        ]
        done = subprocess.run(
            [*command, "--json"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    assert results["data"]["rows"] == _READ and results["data"]["sources"] == ["fleurs"]
    assert results["data"]["licenses"] == ["cc-by-4.0"]
    assert "starter: starter (no GPU here)" in done.stderr
    card = (Path(tmp_path, results["output"]) / "README.md").read_text("utf-8")
    assert "- google/fleurs" in card

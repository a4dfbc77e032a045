"""`--data fleurs` as a person types it: the real client, Parquet in the shape of FLEURS, recordings of people."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hub.server import Repository, serve

_READ = {"train": 12, "validation": 4, "test": 4}


def _converted(speech: Path) -> dict[str, bytes]:
    """What the Hub converts google/fleurs to: a folder a language, one a split, and its columns."""
    files = {}
    table = pq.read_table(speech / "zh-hsk-words" / "train.parquet", columns=["audio", "text"])
    rows = iter(table.slice(0, sum(_READ.values())).to_pylist())
    for split, count in _READ.items():
        taken = [next(rows) for _ in range(count)]
        columns = {
            "id": [1000 + at // 2 for at in range(count)],  # FLEURS numbers sentences, which several people read
            "num_samples": [0] * count,
            "path": [f"{split}/{at}.wav" for at in range(count)],
            "audio": [{"bytes": row["audio"]["bytes"], "path": f"{at}.wav"} for at, row in enumerate(taken)],
            "transcription": [row["text"] for row in taken],
            "raw_transcription": [f"{row['text']}。" for row in taken],
            "gender": [at % 2 for at in range(count)],
            "lang_id": [15] * count,
            "language": ["Mandarin Chinese"] * count,
        }
        stream = io.BytesIO()
        pq.write_table(pa.table(columns), stream)
        files[f"cmn_hans_cn/{split}/0000.parquet"] = stream.getvalue()
    return files


@pytest.mark.slow
def test_fleurs_by_its_name(speech: Path, tmp_path: Path) -> None:
    readme = b"---\nlicense: cc-by-4.0\n---\n"
    files = {"README.md": readme, "fleurs.py": b""}
    with serve({}) as hub:
        hub.repositories["datasets/google/fleurs"] = Repository(
            files=files, refs={"refs/convert/parquet": _converted(speech)}
        )
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

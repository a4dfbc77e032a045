"""Two processes that index the same recordings at once, and homes in which nothing can be kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hostile import write_clean, write_parquet

pytestmark = pytest.mark.slow
_READ = """
import sys
from hf_speech_tl.corpora import load_corpus, screen
from hf_speech_tl.corpora import index
index._WORTH = 1
from hf_speech_tl.errors import SpeechError
sys.stdin.readline()  # until all are ready
try:
    corpus = screen(load_corpus([sys.argv[1]], "qu"), "char", max_seconds=20.0, min_seconds=0.1,
                    frames_of=lambda seconds: int(49 * seconds), threads=2)
except SpeechError as error:
    sys.exit(f"{error.exit_code} {error}")
print(corpus.fingerprint, len(corpus.test), len(corpus.skipped))
"""


def _start(source: str, home: Path | None, **environment: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("HOME", "HF_HOME", "XDG_CACHE_HOME")}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", _READ, source],
        env=kept | ({} if home is None else {"HOME": str(home)}) | environment,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )


def _read(source: str, home: Path | None, **environment: str) -> tuple[int, str, str]:
    running = _start(source, home, **environment)
    out, err = running.communicate("\n")
    return running.returncode, out, err


def test_two_that_build_one_cache_find_the_same_and_leave_it_whole(tmp_path: Path) -> None:
    for write in (write_parquet, write_clean):
        source = write(tmp_path / write.__name__).source
        home = tmp_path / f"home of {write.__name__}"
        running = [_start(source, home) for _ in range(3)]
        for one in running:
            assert one.stdin
            one.stdin.write("\n")
            one.stdin.flush()
        found = [one.communicate() for one in running]
        assert [one.returncode for one in running] == [0, 0, 0], found
        assert len({out for out, _ in found}) == 1
        kept = [path for path in home.rglob("*") if path.is_file()]
        assert kept and not [path for path in kept if path.suffix == ".tmp"]
        assert _read(source, home)[1] == found[0][0]  # out of the cache


def test_without_a_home_recordings_are_read_all_the_same(tmp_path: Path) -> None:
    source = write_clean(tmp_path / "clips", rows=5).source
    (tmp_path / "file").write_text("no folder")
    expected = _read(source, tmp_path / "home")
    assert expected[0] == 0, expected
    # Nothing can be made below a file: not by an administrator either, who may write into what is read-only.
    for found in (_read(source, tmp_path / "file"), _read(source, None, HF_HOME=str(tmp_path / "file" / "hf"))):
        assert found[:2] == expected[:2], found


def test_what_has_to_be_kept_names_another_place(tmp_path: Path) -> None:
    source = write_parquet(tmp_path / "rows").source
    (tmp_path / "file").write_text("no folder")
    code, _, said = _read(source, tmp_path / "file")
    assert code == 1 and said.startswith("3 ") and "name another folder with HF_DATASETS_CACHE" in said, said
    found = _read(source, tmp_path / "file", HF_DATASETS_CACHE=str(tmp_path / "elsewhere"))
    assert found[0] == 0, found

"""What strangers' disks hold: all that can be used is used, all else is listed with its reason, no more changes."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile import Hostile, recording, write_clean, write_folder, write_manifest, write_parquet, write_table

from hf_speech_tl.corpora import Corpus, load_corpus, screen, write_skipped
from hf_speech_tl.errors import DataError


def _screened(source: str) -> Corpus:
    return screen(
        load_corpus([source], "qu"),
        "char",
        max_seconds=20.0,
        min_seconds=0.1,
        frames_of=lambda seconds: int(49 * seconds),
        threads=2,
    )


def _homes(corpus: Corpus) -> dict[str, str]:
    return {name: split for split in ("train", "validation", "test") for name in getattr(corpus, split)["id"][:]}


def _state(folder: Path) -> list[tuple[object, ...]]:
    """All that a folder holds, and when it was last changed."""
    found = []
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            state = os.lstat(path := os.path.join(parent, name))
            found.append((path, state.st_mode, state.st_size, state.st_mtime_ns))
    return sorted(found)


@pytest.mark.parametrize("write", [write_manifest, write_table, write_folder, write_parquet])
def test_all_that_can_be_used_is_and_all_else_is_listed(write: Callable[[Path], Hostile], tmp_path: Path) -> None:
    hostile = write(tmp_path / "corpus")
    before = _state(tmp_path)
    corpus = _screened(hostile.source)
    assert set(_homes(corpus)) == hostile.used
    write_skipped(corpus.skipped, tmp_path / "skipped.csv")
    with (tmp_path / "skipped.csv").open(newline="", encoding="utf-8") as file:
        listed = sorted((row["id"], row["reason"]) for row in csv.DictReader(file))
    # A row that repeats another, or lacks what the other has, has the other's name.
    assert listed == sorted((name.split(",")[0].split(" again")[0], why) for name, why in hostile.listed.items())
    (tmp_path / "skipped.csv").unlink()
    assert [state for state in _state(tmp_path) if state[0] != str(tmp_path)] == before


def test_rows_that_cannot_be_used_move_no_other_into_another_split(tmp_path: Path) -> None:
    harmless = write_folder(tmp_path / "corpus", harmless=True)
    expected = _homes(_screened(harmless.source))
    assert {"train", "validation", "test"} == set(expected.values())
    (tmp_path / "corpus").rename(tmp_path / "harmless")
    assert _homes(_screened(write_folder(tmp_path / "corpus").source)) == expected


def test_a_split_of_which_nothing_is_left_is_not_made_of_other_rows(tmp_path: Path) -> None:
    lines = ["path,text,split"]
    for at in range(12):
        (tmp_path / f"a{at}.wav").write_bytes(recording(at))
        lines.append(f"a{at}.wav,ama,train")
    lines += [f"gone{at}.wav,ama,test" for at in range(3)]
    (tmp_path / "m.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match="none of the recordings of its test split can be used: 3 missing file"):
        load_corpus([str(tmp_path / "m.csv")], "qu")


def test_where_most_parquet_files_cannot_be_read_the_first_is_named(tmp_path: Path) -> None:
    write_parquet(tmp_path / "corpus")
    for shard in (0, 1):
        (tmp_path / "corpus" / f"test-{shard}.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(DataError, match=r"test-0\.parquet cannot be read as Parquet"):
        load_corpus([str(tmp_path / "corpus")], "qu")


_MEMORY = """
import os, re, sys
from pathlib import Path
import datasets
datasets.config.HF_DATASETS_CACHE = Path(sys.argv[2])
from hf_speech_tl.corpora import load_corpus, screen
corpus = screen(load_corpus([sys.argv[1]], "qu"), "char", max_seconds=20.0, min_seconds=0.1,
                frames_of=lambda seconds: int(49 * seconds), threads=2)
used = sum(len(getattr(corpus, split)) for split in ("train", "validation", "test"))
print(used, len(corpus.skipped), re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def peak(source: str, cache: Path) -> tuple[int, int, int]:
    """Rows used, rows listed, and the memory in kB that a process of its own takes at most to index and screen."""
    found = subprocess.run(
        [sys.executable, "-c", _MEMORY, source, str(cache)], check=True, capture_output=True, text=True
    )
    used, listed, kilobytes = map(int, found.stdout.split())
    return used, listed, kilobytes


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory as Linux tells it")
def test_memory_stays_flat(tmp_path: Path) -> None:
    """3 h of audio would be 690 MB as float32; what is read of the manifest's 4 MB transcripts costs some of them."""
    hostile, clean = write_manifest(tmp_path / "hostile"), write_clean(tmp_path / "clean")
    used, listed, bitten = peak(hostile.source, tmp_path / "cache")
    assert (used, listed) == (len(hostile.used), len(hostile.listed))
    _, _, quiet = peak(clean.source, tmp_path / "cache")
    assert bitten < quiet + 150_000

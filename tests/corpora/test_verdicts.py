from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import pytest
import soundfile

from hf_speech_tl.corpora import Skipped, inaudible, load_corpus, screening

FolderOf = Callable[[int], Path]
Voice = Callable[..., bytes]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files that are decoded, as that happens; in one thread, in their order."""
    heard: list[str] = []
    decode = screening.samples

    def watched(audio: dict[str, object]) -> np.ndarray:
        heard.append(Path(str(audio["path"])).name)
        return decode(audio)

    monkeypatch.setattr(screening, "samples", watched)
    return heard


def _silence() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(8_000), 16_000, format="WAV")
    return file.getvalue()


def _corpus(folder: Path) -> datasets.Dataset:
    names = [path.name for path in sorted(folder.glob("*.wav"))]
    splits = ["dev", "test", *["train"] * (len(names) - 2)]
    lines = [f"{name},text {name},{split}" for name, split in zip(names, splits, strict=True)]
    (folder / "m.csv").write_text("\n".join(["path,text,split", *lines]))
    return load_corpus([str(folder / "m.csv")], "en").train


def _listen(folder: Path) -> list[Skipped]:
    return inaudible(_corpus(folder), "train", threads=1)


def test_what_was_listened_to_is_not_again_until_a_file_changes(
    folder_of: FolderOf, voice: Voice, decoded: list[str]
) -> None:
    folder = folder_of(5)
    (folder / "a2.wav").write_bytes(_silence())
    first = _listen(folder)
    listened = len(decoded)
    assert [row.reason for row in first] == ["silent"] and listened == 3
    assert _listen(folder) == first and len(decoded) == listened
    (folder / "a2.wav").write_bytes(voice(9, 0.5))
    os.utime(folder / "a2.wav", ns=(1, 1))
    assert _listen(folder) == [] and len(decoded) == 2 * listened


@pytest.mark.parametrize("damage", ["", "[]", '{"0": 1}', "no JSON"])
def test_a_torn_file_is_done_without(damage: str, folder_of: FolderOf, decoded: list[str]) -> None:
    folder = folder_of(4)
    _listen(folder)
    [kept] = Path(datasets.config.HF_DATASETS_CACHE).rglob("*.heard.json")
    kept.write_text(damage)
    listened = len(decoded)
    assert _listen(folder) == [] and len(decoded) == 2 * listened


def test_nothing_is_kept_where_it_cannot_be(
    folder_of: FolderOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[str]
) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    folder = folder_of(4)
    assert _listen(folder) == [] == _listen(folder) and len(decoded) == 4

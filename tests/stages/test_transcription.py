from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from tiny import save_tiny

from hf_speech_tl.decoding import recognise
from hf_speech_tl.settings import TranscribeSettings
from hf_speech_tl.stages import judgement, transcription
from hf_speech_tl.stages.judgement import load_recogniser


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Twelve recordings of unequal length, the last of which ends early, and between them one that is no audio."""
    generator = np.random.default_rng(0)
    made = []
    for number, seconds in enumerate(generator.permutation(np.linspace(0.3, 2, 12))):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, generator.normal(0, 0.1, round(seconds * 16_000)), 16_000)
        made.append(str(path))
    bad = tmp_path / "bad.wav"
    bad.write_text("no audio")
    return [*made[:5], str(bad), *made[5:]]


def test_files_come_in_their_order_with_the_text_they_have_alone(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = save_tiny(tmp_path / "model")
    monkeypatch.setattr(transcription, "_FIRST_WINDOW", 4)
    asked = [*files, files[0]]  # a file may be named twice
    settings = TranscribeSettings(model=str(model), files=tuple(asked), precision="float32")
    found = list(transcription.run(settings))
    assert [one.file for one in found] == asked
    assert "not audio" in str(found[5].error) and found[5].text is None
    checkpoint, vocabulary = load_recogniser(str(model))
    for one in found[:5] + found[6:]:
        clip = soundfile.read(one.file, dtype="float32")[0]
        alone = recognise(checkpoint.model, checkpoint.feature_extractor, vocabulary, lambda _, clip=clip: clip, [1.0])
        assert one.text == alone[0].text
        assert one.confidence == pytest.approx(alone[0].confidence, abs=1e-4)


@pytest.mark.parametrize(
    ("asked", "dtype"),
    [({}, torch.bfloat16), ({"precision": "auto"}, torch.bfloat16), ({"precision": "float32"}, torch.float32)],
)
def test_it_is_computed_in_what_the_machine_is_quick_in_unless_something_else_is_asked(
    asked: dict[str, str], dtype: torch.dtype, files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judgement, "quick_dtype", lambda _: torch.bfloat16)
    seen, real = [], transcription.recognise_each

    def watched(*arguments: Any, **more: Any) -> Any:
        seen.append(more["dtype"])
        return real(*arguments, **more)

    monkeypatch.setattr(transcription, "recognise_each", watched)
    model = save_tiny(tmp_path / "model")
    assert len(list(transcription.run(TranscribeSettings(model=str(model), files=tuple(files[:2]), **asked)))) == 2
    assert seen == [dtype]


def test_a_file_that_breaks_off_after_its_header_is_told_and_the_others_are_done(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = save_tiny(tmp_path / "model")
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(16_000), 16_000)
    found = list(transcription.run(TranscribeSettings(model=str(model), files=(files[0], str(silent), files[1]))))
    assert [one.error is None for one in found] == [True, False, True]
    assert "silent" in str(found[1].error)


def test_texts_come_before_the_last_files_are_opened(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = save_tiny(tmp_path / "model")
    monkeypatch.setattr(transcription, "_FIRST_WINDOW", 2)
    decode, opened, lock = transcription.decode, [], threading.Lock()

    def counting(path: Path) -> np.ndarray:
        with lock:
            opened.append(path)
        return decode(path)

    monkeypatch.setattr(transcription, "decode", counting)
    stream = transcription.run(TranscribeSettings(model=str(model), files=tuple(files)))
    next(stream)
    assert len(opened) == 2
    assert len(list(stream)) == len(files) - 1 and len(opened) == len(files) - 1

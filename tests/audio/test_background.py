from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from hf_speech_tl.audio import RATE, Background, background
from hf_speech_tl.errors import DataError


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Three short recordings and one that is cut in two, each of another level, by which it is known."""
    monkeypatch.setattr(background, "_PIECE", 4.0)
    made = []
    for number, seconds in enumerate((1, 2, 3, 9)):
        made.append(tmp_path / f"{number}.wav")
        level = (number + 1) / 10
        soundfile.write(made[-1], np.resize([level, -level], seconds * RATE), RATE)
    return made


def test_the_same_chance_draws_the_same_whatever_was_drawn_before(files: list[Path]) -> None:
    first, later = Background(files), Background(files)
    for seed in range(20):
        later.draw(np.random.default_rng(seed))
    for seed in range(20):
        ours, theirs = (one.draw(np.random.default_rng(seed)) for one in (first, later))
        np.testing.assert_array_equal(ours, theirs)


def test_a_long_recording_is_drawn_from_in_pieces(files: list[Path]) -> None:
    drawn = [Background(files[3:]).draw(np.random.default_rng(seed)) for seed in range(8)]
    assert {len(piece) / RATE for piece in drawn} == {4.5}


def test_what_is_kept_is_capped_and_the_same(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    kept, decoded = Background(files), Background(files)
    monkeypatch.setattr(background, "_KEPT_BYTES", 2 * 3 * RATE)
    for seed in range(10):
        piece = decoded.draw(np.random.default_rng(seed))
        assert decoded._kept_bytes <= 2 * 3 * RATE
        with monkeypatch.context() as more:
            more.setattr(background, "_KEPT_BYTES", 1 << 28)
            np.testing.assert_array_equal(piece, kept.draw(np.random.default_rng(seed)))
    assert kept._kept_bytes > decoded._kept_bytes


def test_what_cannot_be_decoded_is_left_out_and_told(files: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    files[0].write_bytes(b"gone")
    soundfile.write(files[1], np.zeros(RATE), RATE)
    recordings = Background(files[:3])
    drawn = [recordings.draw(np.random.default_rng(seed)) for seed in range(8)]
    assert {round(float(np.abs(piece).max()), 2) for piece in drawn} == {0.3}
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2 and "0.wav: not audio" in told[0] and "1.wav: silent" in told[1]
    with pytest.raises(DataError, match=r"none of the 2 recordings in .* can be decoded"):
        Background(files[:2]).draw(np.random.default_rng(0))

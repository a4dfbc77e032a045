"""The scripts that show augmentation and make noisy test sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import RATE, tiny_rows

from hf_speech_tl.audio.augment import power
from hf_speech_tl.corpora import load_corpus, samples

Script = Callable[..., "int | str | None"]


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """A folder with a second of noise."""
    (tmp_path / "noise").mkdir()
    samples = np.random.default_rng(1).normal(0, 0.1, RATE)
    soundfile.write(tmp_path / "noise" / "one.wav", samples, RATE)
    return tmp_path / "noise"


def test_augmentations_are_drawn_and_written(tmp_path: Path, noise: Path, run_script: Script) -> None:
    clip = noise / "one.wav"
    for picture in ("seen.svg", "again.svg", "seen.png"):
        options = ("--augment", f"speed,noise={noise}", "--output", tmp_path / picture, "--wavs", tmp_path / "heard")
        assert run_script("show_augmentation", clip, *options) == 0
    assert (tmp_path / "seen.svg").read_bytes() == (tmp_path / "again.svg").read_bytes()
    assert sorted(path.name for path in (tmp_path / "heard").iterdir()) == ["as-recorded.wav", "noise.wav", "speed.wav"]
    assert len(soundfile.read(tmp_path / "heard" / "speed.wav")[0]) != RATE


@pytest.mark.parametrize(("augment", "drawn"), [("gain", 0), ("mask", 1), ("bands", 1), ("gain,mask,bands", 2)])
def test_what_a_model_hides_from_itself_is_grey_and_has_no_sound(
    augment: str, drawn: int, tmp_path: Path, noise: Path, run_script: Script
) -> None:
    options = ("--augment", augment, "--output", tmp_path / "seen.svg", "--wavs", tmp_path / "heard")
    assert run_script("show_augmentation", noise / "one.wav", *options) == 0
    assert (tmp_path / "seen.svg").read_text("utf-8").count("fill: #b8b8b8") == drawn
    heard = {"as-recorded.wav", *(["gain.wav"] if "gain" in augment else [])}
    assert {path.name for path in (tmp_path / "heard").iterdir()} == heard


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["one.wav", "--augment", "none", "--output", "a.svg"], "there is nothing to show"),
        (["none.wav", "--augment", "speed", "--output", "a.svg"], "none.wav: missing file"),
        (["one.wav", "--augment", "speed", "--output", "a.pdf"], "ends in .svg or .png"),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_line(
    arguments: list[str],
    said: str,
    noise: Path,
    run_script: Script,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(noise)
    assert run_script("show_augmentation", *arguments) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_a_noisy_copy_has_the_same_rows_at_the_ratio(tmp_path: Path, noise: Path, run_script: Script) -> None:
    rows = tiny_rows((0.7, 0.5, 0.6), ("ab", "b", "dad")).remove_columns(["transcript", "source", "lang"])
    (tmp_path / "clean").mkdir()
    rows.to_parquet(str(tmp_path / "clean" / "test.parquet"))
    rows.select([0]).map(lambda _: {"id": "train", "text": "x"}).to_parquet(str(tmp_path / "clean" / "train.parquet"))
    for copy in ("noisy", "again"):
        options = ("--lang", "it", "--noise", noise, "--snr", "10", "--output", tmp_path / copy)
        assert run_script("make_noisy", tmp_path / "clean", *options) == 0
    assert (tmp_path / "noisy" / "test.parquet").read_bytes() == (tmp_path / "again" / "test.parquet").read_bytes()
    clean, noisy = (load_corpus([str(tmp_path / name)], "it").test for name in ("clean", "noisy"))
    assert clean["id"][:] == noisy["id"][:] and clean["text"][:] == noisy["text"][:]
    for before, after in zip(clean["audio"], noisy["audio"], strict=True):
        added = samples(after) - samples(before)
        assert 10 * np.log10(power(samples(before)) / power(added)) == pytest.approx(10, abs=0.1)


def test_what_failed_leaves_nothing_in_the_way(tmp_path: Path, noise: Path, run_script: Script) -> None:
    tiny_rows((0.7,), ("ab",)).remove_columns(["transcript", "source", "lang"]).to_parquet(
        str(tmp_path / "test.parquet")
    )
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "one.wav").write_bytes((noise / "one.wav").read_bytes()[:40])
    for folder, code in ((tmp_path / "cut", 3), (noise, 0)):
        options = ("--lang", "it", "--noise", folder, "--snr", "10", "--output", tmp_path / "copy")
        assert run_script("make_noisy", tmp_path / "test.parquet", *options) == code


def test_a_copy_in_other_voices_is_as_long_as_its_speed_says(tmp_path: Path, run_script: Script) -> None:
    rows = tiny_rows((0.8, 0.6), ("ab", "b")).remove_columns(["transcript", "source", "lang"])
    rows.to_parquet(str(tmp_path / "test.parquet"))
    changes = "speed: {factors: [1.25]}, pitch: {semitones: [-3, 3], share: 1}"
    options = ("--lang", "it", "--augment", changes, "--output", tmp_path / "copy")
    assert run_script("make_noisy", tmp_path / "test.parquet", *options) == 0
    before, after = (load_corpus([str(path)], "it").test for path in (tmp_path / "test.parquet", tmp_path / "copy"))
    assert before["text"][:] == after["text"][:]
    assert after["seconds"][:] == pytest.approx([seconds / 1.25 for seconds in before["seconds"][:]], abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "neither --noise nor --rir nor --augment"),
        (["--noise", "noise", "--augment", "pitch"], "goes without --noise and --rir"),
        (["--augment", "speed: {factors: [9]}"], "factors of speed is [9]"),
        (["--augment", "speed: ["], "not as in a settings file"),
        (["--augment", "pitch, mask"], "--augment mask: happens within a model"),
        (["--noise", "none"], "no directory none"),
        (["--noise", "noise", "--output", "noise"], "holds something already"),
        (["--noise", "noise", "--snr", "nan"], "--snr nan: allowed: -20 to 60 dB"),
        (["--noise", "noise", "--split", "validation"], "the validation split is empty"),
    ],
)
def test_what_cannot_be_made_noisy_is_said_in_a_line(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    noise: Path,
    run_script: Script,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_rows((0.7,), ("ab",)).to_parquet("test.parquet")
    code = run_script("make_noisy", "test.parquet", "--lang", "it", "--output", "copy", *arguments)
    assert code in (2, 3)
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "copy").exists()

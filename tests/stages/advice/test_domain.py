"""The domain report from the recordings on, and as a command."""

from __future__ import annotations

import io
import json
import runpy
from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import pytest
import soundfile
import soxr
from tiny import RATE, tiny_rows

from hf_speech_tl.corpora import load_corpus, samples
from hf_speech_tl.errors import DataError
from hf_speech_tl.languages import find_language
from hf_speech_tl.stages.advice.domain import compare_domains, count_letters, measure_rows

Script = Callable[..., "int | str | None"]
SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.fixture(scope="session")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made speech, of which the test split came over a narrow line."""
    folder = tmp_path_factory.mktemp("line")
    corpus = load_corpus(["starter"], "zh")
    for split in ("train", "validation", "test"):
        rows = []
        for row in getattr(corpus, split).select(range(12)):
            clip = samples(row["audio"])
            if split == "test":
                clip = soxr.resample(soxr.resample(clip, RATE, 8000), 8000, RATE)
            stream = io.BytesIO()
            soundfile.write(stream, np.clip(clip, -1, 1), RATE, format="FLAC")
            rows.append({"id": row["id"], "audio": {"bytes": stream.getvalue(), "path": None}, "text": row["text"]})
        datasets.Dataset.from_list(rows).to_parquet(str(folder / f"{split}.parquet"))
    return folder


def test_a_narrow_line_is_found_in_the_test_split(line: Path) -> None:
    (pair,) = compare_domains("zh", [str(line)], clips=10)
    assert pair.augment == ["telephone"]
    assert {gap.measure: gap.met.clips for gap in pair.gaps}["bandwidth"] == 10
    assert compare_domains("zh", [str(line)], clips=10) == [pair]


def test_letters_can_be_counted_across_scripts() -> None:
    mandarin, italian = find_language("zh"), find_language("it")
    assert count_letters("你好", mandarin, latin=True) == count_letters("ni3 hao3", mandarin, latin=True) == 5
    assert count_letters("Città, 2!", italian, latin=False) == len("cittàdue")
    assert np.isnan(count_letters("[noise]", italian, latin=False))


def test_of_a_set_of_clips_half_must_be_good() -> None:
    bad = {"audio": {"bytes": b"no audio", "path": None, "offset": None, "length": None}, "text": "a"}
    rows = tiny_rows((0.7, 0.6), ("a", "b")).select_columns(["audio", "text"]).to_list()
    for count, clips in ((0, []), (1, [bad, rows[0], bad])):
        with pytest.raises(DataError, match=f"here: {count} of {len(clips)} recordings can be used; .* half"):
            measure_rows(datasets.Dataset.from_list(clips), "here", len)
    assert len(measure_rows(datasets.Dataset.from_list([bad, *rows, bad]), "here", len)["snr"]) == 2


def test_the_command_prints_and_draws(
    line: Path, tmp_path: Path, run_script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--lang", "zh", "--data", line, "--source", f"zh={line}", "--clips", 6]
    assert run_script("domain_report", *arguments, "--plot", tmp_path / "domain.svg") == 0
    said = capsys.readouterr().out
    assert "- narrower band: --augment telephone\naugment: [telephone]" in said
    assert "Nothing stands out." in said
    assert (tmp_path / "domain.svg").read_text("utf-8").startswith("<?xml")
    assert run_script("domain_report", *arguments, "--json") == 0
    target, source = json.loads(capsys.readouterr().out)
    assert (target["augment"], source["augment"]) == (["telephone"], [])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--lang", "zh", "--data", "none/"], 2, "none"),
        (["--lang", "xyzzy", "--data", "starter"], 2, "xyzzy"),
        (["--lang", "zh", "--data", "starter", "--source", "starter"], 2, "write de=recordings/"),
        (["--lang", "zh", "--data", "starter", "--noise", "none/"], 2, "no directory none/"),
        (["--lang", "zh", "--data", "starter", "--clips", "0"], 2, "at least 1"),
        (["--lang", "zh", "--data", "starter", "--seed", "-1"], 2, "at least 0"),
        (["--lang", "zh", "--data", "starter", "--plot", "domain.png"], 2, "ends in .svg"),
        (["--lang", "zh", "--data", "starter", "--clips", "2", "--plot", "none/domain.svg"], 2, "cannot be written"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    arguments: list[str], code: int, said: str, run_script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_script("domain_report", *arguments) == code
    assert said in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
def test_what_was_done_to_real_recordings_is_named(shared: Path) -> None:
    check = runpy.run_path(str(SCRIPTS / "check_domain_report.py"))
    tried = check["changes"](shared / "noise", shared / "rir")
    answers = check["try_corpus"](shared / "speech" / "de-kerstin", "de", tried, 30)
    rights = {"halves of training": None} | {name: right for name, (right, _) in tried.items()}
    augmentations = {name: [word for word in words if word[0] != "("] for name, words in answers.items()}
    wrong = [name for name, words in augmentations.items() if words[:1] != [rights[name]] * bool(rights[name])]
    assert set(wrong) <= {"noise at 20 dB"}  # its own recordings have little more

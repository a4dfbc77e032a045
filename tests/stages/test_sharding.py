"""prepare: what it writes, that it goes on where it was stopped, and what it leaves alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import datasets
import numpy as np
import pytest
import soundfile
import yaml

from hf_speech_tl import prepare
from hf_speech_tl.corpora import load_corpus, pulses
from hf_speech_tl.errors import DataError, SettingsError
from hf_speech_tl.settings import PrepareSettings, Source
from hf_speech_tl.stages import shard_making, sharding


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Forty clips of noise of 0.5 to 1 s, of which one is silent and one has no text."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for at in range(40):
        noise = rng.normal(0, 0 if at == 3 else 2_000, rng.integers(8_000, 16_000)).astype(np.int16)
        soundfile.write(folder / f"a{at}.wav", noise, 16_000, subtype="PCM_16")
        (folder / f"a{at}.txt").write_text("" if at == 5 else f"word {chr(97 + at % 26)}")
    (folder / "README.md").write_text("---\nlicense: CC-BY-4.0\n---\n")
    return folder


def _settings(recordings: Path, output: Path, **more: object) -> PrepareSettings:
    values = {"lang": "en", "data": (str(recordings),), "output": output, "shard_seconds": 10.0, "quiet": True} | more
    return PrepareSettings(**values)  # type: ignore[arg-type]


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_shards_hold_what_was_read_in_an_order_of_chance(recordings: Path, tmp_path: Path) -> None:
    results = prepare.prepare(_settings(recordings, tmp_path / "out"))
    before, after = load_corpus([str(recordings)], "en"), load_corpus([str(tmp_path / "out")], "en")
    heard = {row["id"]: pulses(row["audio"]).tobytes() for row in before.train if row["id"] != "a3"}
    found = {row["id"]: pulses(row["audio"]).tobytes() for row in after.train}
    assert found == heard
    assert list(found) != list(heard)
    assert after.test["id"][:] == [id_ for id_ in before.test["id"][:] if id_ != "a3"]
    texts = dict(zip(before.train["id"][:], before.train["text"][:], strict=True))
    assert after.train["text"][:] == [texts[id_] for id_ in found]
    splits = results["splits"]
    assert isinstance(splits, dict) and splits["train"]["rows"] == len(found)
    assert results["skipped"] == 2
    skipped = (tmp_path / "out" / "skipped.csv").read_text()
    assert "silent" in skipped and "no transcript" in skipped
    names = sorted(path.name for path in (tmp_path / "out").glob("train*"))
    assert len(names) > 1 and names[0] == f"train-00000-of-{len(names):05d}.parquet"
    assert not list((tmp_path / "out").glob("*.part"))


def test_datasets_reads_them(recordings: Path, tmp_path: Path) -> None:
    prepare.prepare(_settings(recordings, tmp_path / "out"))
    card = (tmp_path / "out" / "README.md").read_text()
    head = yaml.safe_load(card.split("---")[1])
    assert (head["license"], head["language"]) == ("cc-by-4.0", ["en"])
    for read in (
        datasets.load_dataset("parquet", data_dir=str(tmp_path / "out"), cache_dir=str(tmp_path / "a")),
        datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "b")),
    ):
        assert set(read) == {"train", "validation", "test"}
        row = read["train"].cast_column("audio", datasets.Audio(decode=False))[0]
        assert row["audio"]["bytes"].startswith(b"fLaC") and row["audio"]["path"].endswith(".flac")


def test_the_same_command_writes_the_same_shards_and_does_it_once(recordings: Path, tmp_path: Path) -> None:
    prepare.prepare(_settings(recordings, tmp_path / "one"))
    prepare.prepare(_settings(recordings, tmp_path / "two"))
    first = _content(tmp_path / "one")
    assert _content(tmp_path / "two") == first
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "one").iterdir()}
    prepare.prepare(_settings(recordings, tmp_path / "one"))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "one").iterdir()} == times
    prepare.prepare(_settings(recordings, tmp_path / "three", seed=1))
    assert _content(tmp_path / "three") != first


@pytest.mark.parametrize("torn", [False, True])
def test_it_goes_on_where_it_was_stopped(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torn: bool
) -> None:
    prepare.prepare(_settings(recordings, tmp_path / "whole"))
    made: list[str] = []

    def make(part: shard_making.Part, *rest: object) -> None:
        if len(made) == 2:
            (tmp_path / "out" / f"{part.file}.part").write_bytes(b"half of it")
            raise KeyboardInterrupt
        made.append(part.file)
        shard_making.make(part, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(sharding, "make", make)
        with pytest.raises(KeyboardInterrupt):
            prepare.prepare(_settings(recordings, tmp_path / "out"))
    if torn:
        os.truncate(tmp_path / "out" / made[1], 1_000)
    again: list[str] = []
    monkeypatch.setattr(sharding, "make", lambda part, *rest: (again.append(part.file), shard_making.make(part, *rest)))
    prepare.prepare(_settings(recordings, tmp_path / "out"))
    assert made[0] not in again
    assert (made[1] in again) == torn
    assert _content(tmp_path / "out") == _content(tmp_path / "whole")


def test_what_is_something_else_is_left_alone(recordings: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare.prepare(_settings(recordings, out))
    with pytest.raises(SettingsError, match="other recordings or settings"):
        prepare.prepare(_settings(recordings, out, format="keep"))
    (out / "shards.json").write_text("{}")
    with pytest.raises(SettingsError, match="no shards of ours"):
        prepare.prepare(_settings(recordings, out))
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "ana.txt").touch()
    with pytest.raises(SettingsError, match="no shards of ours"):
        prepare.prepare(_settings(recordings, tmp_path / "letters"))


@pytest.mark.parametrize("cut", [False, True])
def test_of_two_that_began_in_an_empty_directory_one_is_refused(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: bool
) -> None:
    """The other begins, and is done or stopped, while this one reads."""
    out = tmp_path / "out"
    plan, stopped = sharding._plan, []

    def meanwhile(*given: object) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(sharding, "_plan", plan)
            if cut:
                patched.setattr(sharding, "_finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            try:
                prepare.prepare(_settings(recordings, out, seed=1))
            except KeyboardInterrupt:
                stopped.append(True)
        plan(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(sharding, "_plan", meanwhile)
        with pytest.raises(SettingsError, match="other recordings or settings"):
            prepare.prepare(_settings(recordings, out))
    assert bool(stopped) == cut
    prepare.prepare(_settings(recordings, out, seed=1))
    prepare.prepare(_settings(recordings, tmp_path / "alone", seed=1))
    assert _content(out) == _content(tmp_path / "alone")


def test_of_two_that_make_the_same_the_second_takes_what_is_there(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = sharding._plan

    def meanwhile(*given: object) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(sharding, "_plan", plan)
            prepare.prepare(_settings(recordings, tmp_path / "out"))
        monkeypatch.setattr(sharding, "make", lambda *_: pytest.fail("it was made twice"))

    monkeypatch.setattr(sharding, "_plan", meanwhile)
    assert prepare.prepare(_settings(recordings, tmp_path / "out"))["shards"] == 4


def test_a_shard_noted_for_other_recordings_is_made_anew(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the file system knows no locks, and two wrote at once."""
    out, own = tmp_path / "out", sharding._finish
    monkeypatch.setattr(sharding, "_finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        prepare.prepare(_settings(recordings, out, seed=1))
    (out / "preparing" / "plan.json").unlink()
    with pytest.raises(KeyboardInterrupt):
        prepare.prepare(_settings(recordings, tmp_path / "plan"))
    (tmp_path / "plan" / "preparing" / "plan.json").rename(out / "preparing" / "plan.json")
    monkeypatch.setattr(sharding, "_finish", own)
    prepare.prepare(_settings(recordings, out))
    prepare.prepare(_settings(recordings, tmp_path / "whole"))
    assert _content(out) == _content(tmp_path / "whole")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "stopped; shards that are whole stay, and the same command goes on"),
        (OSError(28, "No space left on device"), 1, "make some, and give the same command once more: it goes on"),
    ],
)
def test_stopped_by_hand_or_a_full_disk_it_says_that_it_goes_on(
    recordings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    said: str,
) -> None:
    command = ["--lang", "en", "--data", str(recordings), "--output", str(tmp_path / "out"), "--quiet"]
    with monkeypatch.context() as patched:
        patched.setattr(sharding, "load_corpus", lambda *_, **__: (_ for _ in ()).throw(error))
        assert prepare.main(command) == code
    assert "whole" not in (told := capsys.readouterr().err) and "goes on" not in told
    monkeypatch.setattr(sharding, "_finish", lambda *_: (_ for _ in ()).throw(error))
    assert prepare.main(command) == code
    assert said in capsys.readouterr().err


def test_the_command_that_uses_them_names_the_language_that_the_data_are_in(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepare.main(["--data", f"it={recordings}", "--output", str(tmp_path / "out"), "--quiet"]) == 0
    assert f"finetune --lang it --data {tmp_path / 'out'}" in capsys.readouterr().out


def test_too_little_room_is_told_before_anything_is_written(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1_000))
    with pytest.raises(SettingsError, match=r"take some 1 MB, of which there are 0 MB.*--format opus"):
        prepare.prepare(_settings(recordings, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_files_are_kept_as_they_are_and_pieces_become_flac(recordings: Path, tmp_path: Path) -> None:
    lines = [
        {"file_name": "a0.wav", "text": "a", "split": "train"},
        {"file_name": "a1.wav", "text": "b", "split": "train", "offset": 0.1, "duration": 0.3},
        {"file_name": "a2.wav", "text": "c", "split": "validation"},
        {"file_name": "a4.wav", "text": "d", "split": "test"},
    ]
    (recordings / "metadata.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    prepare.prepare(_settings(recordings, tmp_path / "out", format="keep"))
    rows = datasets.load_dataset("parquet", data_dir=str(tmp_path / "out"), cache_dir=str(tmp_path / "a"))
    train = rows["train"].cast_column("audio", datasets.Audio(decode=False))
    contents = {row["text"]: row["audio"]["bytes"] for row in train}
    assert contents["a"] == (recordings / "a0.wav").read_bytes()
    assert contents["b"].startswith(b"fLaC")
    assert {row["text"]: round(row["seconds"], 3) for row in train}["b"] == 0.3


def test_unlabelled_recordings_want_to_be_asked_for(recordings: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--lang is missing.*--unlabelled"):
        _settings(recordings, tmp_path / "out", lang=None)
    prepare.prepare(_settings(recordings, tmp_path / "out", lang=None, unlabelled=True))
    rows = load_corpus([str(tmp_path / "out")], None, labelled=False)
    assert None in [*rows.train["text"][:], *rows.validation["text"][:], *rows.test["text"][:]]


def test_transcripts_of_several_languages_want_a_folder_each(recordings: Path, tmp_path: Path) -> None:
    data = (Source(str(recordings), lang="en"), Source(str(recordings), lang="de"))
    with pytest.raises(SettingsError, match=r"in several languages \(en, de\).*Prepare each by itself"):
        prepare.prepare(_settings(recordings, tmp_path / "out", data=data, lang="mul"))


def test_a_kill_before_the_first_shard_leaves_nothing_in_the_way(recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "preparing").mkdir(parents=True)
    (tmp_path / "out" / "preparing" / "plan.part").write_text("{")
    prepare.prepare(_settings(recordings, tmp_path / "out"))
    next((tmp_path / "out").glob("train*")).unlink()
    with pytest.raises(DataError, match=r"cannot be read .*, and shards.json lists it"):
        prepare.prepare(_settings(recordings, tmp_path / "out"))


def test_shards_do_not_lie_among_the_recordings(recordings: Path) -> None:
    with pytest.raises(SettingsError, match=r"--output .*shards: lies in .*recordings, which is read as recordings"):
        prepare.prepare(_settings(recordings, recordings / "shards"))
    assert not (recordings / "shards").exists()

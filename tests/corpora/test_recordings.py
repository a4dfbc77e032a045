from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hf_speech_tl.audio import BadAudio
from hf_speech_tl.corpora import samples
from hf_speech_tl.corpora.files import inside
from hf_speech_tl.corpora.recordings import Row, read_rows

Voice = Callable[..., bytes]


def test_names_stay_inside_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    (folder / "clips").mkdir(parents=True)
    (tmp_path / "secret.wav").touch()
    (folder / "link.wav").symlink_to(tmp_path / "secret.wav")
    (folder / "within.wav").symlink_to(folder / "clips" / "a.wav")
    (folder / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "corpus2").mkdir()
    within = folder / "clips" / "a.wav"
    assert inside(folder, "clips/a.wav") == within
    assert inside(folder, "clips/../clips/a.wav") == within
    assert inside(folder, str(within)) == within
    assert inside(folder, "within.wav") == within
    for name in (
        "../secret.wav",
        "/etc/passwd",
        "link.wav",
        "up/secret.wav",
        "../corpus2/a.wav",
        "clips/../../secret.wav",
    ):
        with pytest.raises(BadAudio, match="outside the corpus folder"):
            inside(folder, name)
    with pytest.raises(BadAudio, match="missing file"):
        inside(folder, "nul\0.wav")


def test_a_folder_reached_by_a_link_is_still_its_own(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    assert inside(tmp_path / "link", "a.wav") == tmp_path / "real" / "a.wav"


def test_rows_are_read_without_being_decoded(tmp_path: Path, voice: Voice) -> None:
    (tmp_path / "a.wav").write_bytes(voice(0, 2.0, rate=8_000))
    rows = [
        Row("whole", "a.wav", "one", "s1", "train"),
        Row("piece", "a.wav", "two", offset=0.5, length=1.0),
        Row("rest", "a.wav", "three", offset=1.25),
    ]
    found = read_rows(rows, tmp_path)
    assert found["seconds"][:] == [2.0, 1.0, 0.75]
    assert found["speaker"][:] == ["s1", None, None]
    assert found["split"][:] == ["train", None, None]
    assert found["reason"][:] == [None] * 3
    assert len(set(found["digest"])) == 1
    assert [len(samples(row["audio"])) for row in found] == [32_000, 16_000, 12_000]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (Row("a", "b.wav"), "missing file"),
        (Row("a", "../a.wav"), "outside the corpus folder"),
        (Row("a", "a.wav", offset=-1.0), "no such piece"),
        (Row("a", "a.wav", offset=2.0), "no such piece"),
        (Row("a", "a.wav", offset=1.5, length=1.0), "no such piece"),
        (Row("a", "a.wav", offset=1.0, length=0.0), "no such piece"),
        (Row("a", "a.wav", offset=float("nan")), "no such piece"),
        (Row("a", "a.wav", offset=0.0, length=float("nan")), "no such piece"),
        (Row("a", "a.wav", "half a pair \ud83d"), "not Unicode"),
        (Row("\udce9", "a.wav"), "not Unicode"),
        (Row("a", "caf\udce9.wav"), "not Unicode"),
        (Row("a", "", reason="broken line", detail="not JSON"), "broken line"),
    ],
)
def test_bad_rows_have_a_reason(tmp_path: Path, voice: Voice, row: Row, reason: str) -> None:
    (tmp_path / "a.wav").write_bytes(voice(0, 2.0))
    found = read_rows([Row("good", "a.wav", "one"), row], tmp_path)
    assert found["reason"][:] == [None, reason]


def test_a_piece_may_end_a_little_late(tmp_path: Path, voice: Voice) -> None:
    (tmp_path / "a.wav").write_bytes(voice(0, 2.0))
    found = read_rows([Row("a", "a.wav", offset=1.0, length=1.05)], tmp_path)
    assert found[0]["reason"] is None
    assert found[0]["seconds"] == 1.0


def test_the_digest_follows_the_content_not_the_place(tmp_path: Path, voice: Voice) -> None:
    long = voice(0, 20.0)
    changed = bytearray(long)
    changed[len(long) // 2] ^= 1
    for name, content in {"a.wav": long, "b.wav": long, "c.wav": bytes(changed), "d.wav": voice(1)}.items():
        (tmp_path / name).write_bytes(content)
    os.utime(tmp_path / "b.wav", (0, 0))
    digests = read_rows([Row(name, name) for name in ("a.wav", "b.wav", "c.wav", "d.wav")], tmp_path)["digest"][:]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3

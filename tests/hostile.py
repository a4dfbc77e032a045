"""Corpora that bite, as files: what strangers' disks hold, what is to be made of each, and harmless ones beside."""

from __future__ import annotations

import csv
import io
import json
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

_RATE = 16_000
_GIGANTIC = 2_000_000  # letters of a transcript


@dataclass
class Hostile:
    """What to name as --data, the ids that are to be used, and the reason for each of the others."""

    source: str
    used: set[str] = field(default_factory=set)
    listed: dict[str, str] = field(default_factory=dict)


def recording(seed: int, seconds: float = 1.5, rate: int = _RATE, channels: int = 1, **form: str) -> bytes:
    """Noise that comes and goes, as a file of the `format` and `subtype` of soundfile; another for every seed."""
    time = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(seed).normal(0, 0.1, (len(time), channels)).clip(-0.9, 0.9)
    return _encoded(noise * np.abs(np.sin(3 * time))[:, None], rate, **form)


def _encoded(samples: np.ndarray, rate: int = _RATE, *, format: str = "WAV", subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=format, subtype=subtype)
    return file.getvalue()


def _three_hours(path: Path, *, told: int | None = None) -> None:
    """A WAV of 3 h at 8 kHz and 8 bit, whose silence is a hole in the file; told: bytes, where the header lies."""
    size = 3 * 3600 * 8_000
    form = struct.pack("<HHIIHH", 1, 1, 8_000, 8_000, 1, 8)
    head = b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + struct.pack("<I", 16) + form
    path.write_bytes(head + b"data" + struct.pack("<I", size if told is None else told))
    if told is None:
        os.truncate(path, 44 + size)


def _good_audio() -> dict[str, bytes]:
    clip = recording(0)
    return {
        "24 bit.wav": recording(1, subtype="PCM_24"),
        "32 bit float.wav": recording(2, subtype="FLOAT"),
        "8 bit.wav": recording(3, subtype="PCM_U8"),
        "mu-law.wav": recording(4, subtype="ULAW"),
        "8 kHz.wav": recording(5, rate=8_000),
        "96 kHz.wav": recording(6, rate=96_000),
        "6 channels.wav": recording(7, channels=6),
        "opus.ogg": recording(8, format="OGG", subtype="OPUS"),
        "vorbis.ogg": recording(9, format="OGG", subtype="VORBIS"),
        "mp3.mp3": recording(10, format="MP3"),
        "flac.flac": recording(11, format="FLAC"),
        "a wav called.mp3": recording(12),
        "a flac called.wav": recording(13, format="FLAC"),
        "with an offset.wav": _encoded(0.3 + 0.1 * np.sin(np.arange(24_000) / 20)),
        "as a stream.wav": recording(14).replace(b"data" + struct.pack("<I", 48_000), b"data\xff\xff\xff\xff"),
        " spaces  in it .wav": recording(15),
        "new\nline.wav": recording(16),
        "tab\tand\rreturn.wav": recording(17),
        "emoji 🎙️👩‍🚀.wav": recording(18),
        "-rf.wav": recording(19),
        "%2e%2e%2f $(touch x) `x` ;'.wav": recording(20),
        "ظل right to left \u202egpj.wav": recording(21),
        "e\u0301 of two code points.wav": recording(22),
        f"{'long ' * 49}.wav": recording(23),
        "folder/inside.wav": recording(24),
        "clip.wav": clip,
    }


def _bad_audio() -> dict[str, tuple[bytes, str]]:
    clip, tone = recording(0), 0.3 * np.sin(np.arange(24_000) / 20)
    return {
        "zero bytes.wav": (b"", "empty"),
        "no samples.wav": (_encoded(np.zeros(0)), "empty"),
        "one byte.wav": (b"R", "not audio"),
        "cut short.wav": (clip[: len(clip) // 2], "truncated"),
        "cut in the header.wav": (clip[:30], "not audio"),
        "cut short.flac": (recording(31, format="FLAC")[:9_000], "truncated"),
        "cut short.ogg": (recording(32, 4.0, format="OGG", subtype="OPUS")[:-700], "truncated"),
        "text called.wav": (b"This is no recording. " * 99, "not audio"),
        "a page called.mp3": (b"<!doctype html><title>404</title>", "not audio"),
        "zeros called.flac": (bytes(5_000), "not audio"),
        "nan.wav": (_encoded(np.where(np.arange(24_000) == 9, np.nan, tone), subtype="FLOAT"), "not finite"),
        "infinity.wav": (_encoded(np.where(np.arange(24_000) == 9, np.inf, tone), subtype="FLOAT"), "not finite"),
        "all nan.wav": (_encoded(np.full(24_000, np.nan), subtype="DOUBLE"), "not finite"),
        "dc.wav": (_encoded(np.full(24_000, 0.25)), "silent"),
        "silence.wav": (_encoded(np.zeros(24_000)), "silent"),
        "one sample.wav": (_encoded(np.array([0.5])), "too short"),
        "a minute.wav": (recording(33, 61.0, rate=8_000), "too long"),
        "3 hours of flac.flac": (_encoded(np.zeros(3 * 3600 * 1_000), 1_000, format="FLAC"), "too long"),
        "0 Hz.wav": (clip[:24] + bytes(8) + clip[32:], "not audio"),
        "4 GHz.wav": (clip[:24] + b"\xff\xff\xff\xff" + clip[28:], "not audio"),
    }


def _texts() -> tuple[dict[str, str], dict[str, tuple[object, str]]]:
    """Transcripts that can be learnt, and those that cannot, by the name of the row."""
    good = {
        "quotes": 'ama "sua", ama',
        "line break": "ama\nsua\r\nama",
        "right to left": "\u200fסוף\u200e \u202bשל\u202c",
        "byte order mark": "\ufeffama sua",
        "joiners": "a\u200dma\u00adsua",
        "null in words": "null",
    }
    bad: dict[str, tuple[object, str]] = {
        "no text": (None, "no transcript"),
        "blank": (" \n\t", "no transcript"),
        "punctuation": ("¿?!...", "empty transcript"),
        "only marks": ("\u202e\u200f\u2066", "empty transcript"),
        "digits": ("2 runa", "unspeakable transcript"),
        "markup": ("<b>ama</b>", "unspeakable transcript"),
        "formula": ("=cmd", "unspeakable transcript"),
        "bell": ("ama\x07", "control characters"),
        "escape": ("\x1b[2Jama", "control characters"),
        "nul": ("a\x00ma", "control characters"),
        "long": ("ama sua " * 50, "more labels than frames"),
        "gigantic": ("ama sua " * (_GIGANTIC // 8), "too much text"),
        "one long word": ("a" * _GIGANTIC, "too much text"),
        "long digits": ("7" * 100_000, "too much text"),
    }
    return good, bad


def write_clean(folder: Path, rows: int = 100) -> Hostile:
    """As many good rows as the hostile manifest has, in a manifest of the same kind."""
    folder.mkdir()
    lines = []
    for at in range(rows):
        (folder / f"c{at}.wav").write_bytes(recording(1_000 + at))
        lines.append({"id": f"c{at}", "audio": f"c{at}.wav", "text": "ama sua", "split": "test"})
    return _manifest(folder / "clean.jsonl", [json.dumps(line) for line in lines], {f"c{at}" for at in range(rows)}, {})


def write_manifest(folder: Path) -> Hostile:
    """A manifest of JSON lines in which everything that can be wrong is, and a hundred good rows."""
    company = write_clean(folder)
    used, listed, lines = set(company.used), {}, Path(company.source).read_text().splitlines()
    outside = folder.parent / "outside.wav"
    outside.write_bytes(recording(99))

    def add(name: str, audio: object, text: object = "ama sua", reason: str | None = None, **more: object) -> None:
        lines.append(json.dumps({"id": name, "audio": audio, "text": text, "split": "test"} | more))
        used.add(name) if reason is None else listed.update({name: reason})

    for name, content in _good_audio().items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
        add(f"heard: {name}", name)
    for name, (content, reason) in _bad_audio().items():
        (folder / name).write_bytes(content)
        add(name, name, reason=reason)
    _three_hours(folder / "3 hours.wav")
    add("3 hours", "3 hours.wav", reason="too long")
    add("the end of 3 hours", "3 hours.wav", reason="silent", offset=10_798.0, duration=1.5)
    _three_hours(folder / "3 hours only said.wav", told=3 * 3600 * 8_000)
    add("3 hours only said", "3 hours only said.wav", reason="truncated")
    good, bad = _texts()
    for name, text in good.items():
        add(name, "clip.wav", text)
    for name, (wrong, reason) in bad.items():
        add(name, "clip.wav", wrong, reason)
    (folder / "loop").symlink_to(".")
    (folder / "round.wav").symlink_to("round.wav")
    (folder / "to.wav").symlink_to("fro.wav")
    (folder / "fro.wav").symlink_to("to.wav")
    (folder / "link.wav").symlink_to(outside)
    (folder / "out").symlink_to(folder.parent)
    os.mkfifo(folder / "pipe.wav")
    add("through a loop", "loop/loop/loop/clip.wav")
    add("by a detour", f"../{folder.name}/./folder/../clip.wav")
    add("absolute inside", str(folder / "clip.wav"))
    add("piece", "clip.wav", offset=0.5, duration=0.5)
    add("number for a text", "clip.wav", "ama", speaker=7)
    for name, audio, reason in (
        ("round and round", "round.wav", "missing file"),
        ("to and fro", "to.wav", "missing file"),
        ("above", "../outside.wav", "outside the corpus folder"),
        ("far above", "../" * 40 + "etc/passwd", "outside the corpus folder"),
        ("absolute", str(outside), "outside the corpus folder"),
        ("device", "/dev/zero", "outside the corpus folder"),
        ("link", "link.wav", "outside the corpus folder"),
        ("folder linked", "out/outside.wav", "outside the corpus folder"),
        ("a folder", "folder", "missing file"),
        ("the folder", ".", "missing file"),
        ("pipe", "pipe.wav", "missing file"),
        ("gone", "gone.wav", "missing file"),
        ("nul in the name", "nul\0.wav", "missing file"),
        ("an address", "https://example.org/a.wav", "missing file"),
        ("a name beyond names", "x" * 5_000 + ".wav", "unreadable"),
    ):
        add(name, audio, reason=reason)
    said = ("words for seconds", "a truth for seconds")
    for name, more, reason in (
        ("before the start", {"offset": -1.0}, "no such piece"),
        ("beyond the end", {"offset": 99.0, "duration": 1.0}, "no such piece"),
        ("nan", {"offset": float("nan")}, "no such piece"),
        ("infinite", {"offset": 0.0, "duration": float("inf")}, "no such piece"),
        ("words for seconds", {"offset": "later"}, "no such piece"),
        ("a truth for seconds", {"offset": True}, "no such piece"),
        ("nothing long", {"offset": 0.2, "duration": 0.0}, "no such piece"),
        ("no such split", {"split": "tset"}, "unknown split"),
        ("half a letter", {"speaker": "\ud83d"}, "not Unicode"),
    ):
        line = {"id": name, "audio": "clip.wav", "text": "ama", "split": "test"} | more
        lines.append(json.dumps(line))
        listed[f"broken.jsonl:{len(lines)}" if name in ("no such split", *said) else name] = reason
    # What carries no id of its own is known by its line.
    for line, reason in (
        ('{"id": "half", "audio": "clip.wav", "te', "broken line"),
        ('["clip.wav", "ama"]', "broken line"),
        ("null", "broken line"),
        ("[" * 100_000, "broken line"),
        ('{"text": "ama", "split": "test"}', "no file named"),
        ('{"audio": "", "text": "ama"}', "no file named"),
        ('{"audio": {"path": "clip.wav"}, "text": "ama"}', "no file named"),
        ('{"audio": "clip.wav", "text": ["ama"]}', "broken line"),
        ('{"audio": "clip.wav", "offset": ' + "9" * 5_000 + "}", "broken line"),
    ):
        lines.append(line)
        listed[f"broken.jsonl:{len(lines)}"] = reason
    raw = [line.encode() for line in lines]
    raw.append(b'{"id": "latin-1", "audio": "clip.wav", "text": "caf\xe9", "split": "test"}')
    listed["latin-1"] = "not Unicode"
    raw.append(json.dumps({"id": "c0", "audio": "c0.wav", "text": "ama sua", "split": "test"}).encode())
    raw.append(json.dumps({"id": "c1", "audio": "c2.wav", "text": "ama sua", "split": "test"}).encode())
    listed["c0 again"] = "duplicate"
    used.add("c1#2")
    (folder / "broken.jsonl").write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(raw))
    return Hostile(str(folder / "broken.jsonl"), used, listed)


def _manifest(file: Path, lines: list[str], used: set[str], listed: dict[str, str]) -> Hostile:
    file.write_text("\n".join(lines))
    return Hostile(str(file), used, listed)


def write_table(folder: Path) -> Hostile:
    """A CSV as spreadsheets write it: with a byte order mark, quotes, line breaks, and fields too many or too few."""
    folder.mkdir()
    used: set[str] = set()
    listed: dict[str, str] = {}
    for at in range(20):
        (folder / f"c{at}.wav").write_bytes(recording(at))
    names = ["a, comma.wav", 'a "quote".wav', "a\nbreak.wav"]
    for at, name in enumerate(names):
        (folder / name).write_bytes(recording(100 + at))
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["Path ", " TEXT", "ID", "split", "note"])
    for at in range(20):
        writer.writerow([f"c{at}.wav", 'ama "sua"\nama', f"c{at}", "test", "x"])
        used.add(f"c{at}")
    for name in names:
        writer.writerow([name, "ama", name, "test"])
        used.add(name)
    text = "\ufeff" + file.getvalue()

    def add(line: str, name: str | None = None, reason: str | None = None) -> None:
        nonlocal text
        name = name or f"broken.csv:{1 + text.count(chr(10))}"
        used.add(name) if reason is None else listed.update({name: reason})
        text += f"{line}\r\n"

    add('c0.wav,"never closed,x,test,', reason="broken line")
    add("c0.wav,a comma, in the text,x,test,", reason="broken line")
    add('c0.wav,"closed" too early,x,test,', reason="broken line")
    text += "\r\n,,\r\n"
    add(",ama,x,test,", reason="no file named")
    listed["c0, without a text"] = "no transcript"
    text += "c0.wav\r\n"
    add("gone.wav,ama,gone,test", "gone", "missing file")
    add(f"c1.wav,{'ama ' * 100_000},gigantic,test", reason="broken line")
    add("c2.wav,ama,after it all,test", "after it all")
    content = text.encode() + b"c3.wav,caf\xe9,latin-1,test\r\n"
    (folder / "broken.csv").write_bytes(content)
    listed["latin-1"] = "not Unicode"
    return Hostile(str(folder / "broken.csv"), used, listed)


def write_folder(folder: Path, *, harmless: bool = False) -> Hostile:
    """A folder with a .txt beside each recording, some with names that are no text; harmless: only what can be used."""
    folder.mkdir()
    used: set[str] = set()
    listed: dict[str, str] = {}

    def add(
        stem: str | bytes, text: bytes | None = None, audio: bytes | None = None, reason: str | None = None
    ) -> None:
        raw = os.fsencode(stem)
        path = os.path.join(os.fsencode(folder), raw)
        with open(path + b".wav", "wb") as file:
            file.write(recording(len(used) + len(listed)) if audio is None else audio)
        with open(path + b".txt", "wb") as file:
            file.write(f"ama {len(used):b}".translate({48: "u", 49: "a"}).encode() if text is None else text)
        name = os.fsdecode(raw).encode("utf-8", "backslashreplace").decode()
        used.add(name) if reason is None else listed.update({name: reason})

    for at in range(20):
        add(f"c{at}")
    add("byte order mark", b"\xef\xbb\xbfama sua")
    add("lines", b"ama\r\nsua\r\n")
    add("a.b.c")
    add("new\nline 🎙️")
    if harmless:
        return Hostile(str(folder), used, listed)
    add(b"caf\xe9", reason="not Unicode")
    add(b"\xff\xfe", reason="not Unicode")
    add("latin-1", b"caf\xe9", reason="not Unicode")
    add("utf-16", "ama sua".encode("utf-16"), reason="not Unicode")
    add("empty", b"", reason="no transcript")
    add("binary", bytes(range(1, 32)), reason="control characters")
    add("cut short", audio=recording(0)[:9_000], reason="truncated")
    (folder / "alone.wav").write_bytes(recording(500))
    listed["alone"] = "no transcript"
    (folder / "text is a folder.wav").write_bytes(recording(501))
    (folder / "text is a folder.txt").mkdir()
    listed["text is a folder"] = "no transcript"
    (folder / "loop").symlink_to(folder)
    (folder / "round.wav").symlink_to("round.wav")
    (folder / "round.txt").write_text("ama")
    listed["round"] = "missing file"
    (folder / ".hidden.wav").write_bytes(recording(502))
    return Hostile(str(folder), used, listed)


def write_parquet(folder: Path) -> Hostile:
    """Shards of Parquet files with bad cells, one of which was cut short."""
    folder.mkdir()
    used: set[str] = set()
    listed: dict[str, str] = {}
    for shard in range(3):
        rows: list[dict[str, object]] = []
        for at in range(8):
            rows.append({"id": f"{shard}-{at}", "audio": {"bytes": recording(10 * shard + at), "path": None}})
            used.add(f"{shard}-{at}")
        for name, content, reason in (
            ("empty", b"", "empty"),
            ("text", b"no recording", "not audio"),
            ("nothing", None, "missing file"),
            ("cut short", recording(77)[:9_000], "truncated"),
        ):
            rows.append({"id": f"{shard}-{name}", "audio": {"bytes": content, "path": None}})
            listed[f"{shard}-{name}"] = reason
        for row in rows:
            row |= {"text": "ama sua", "speaker": None}
        audio = pa.array([row["audio"] for row in rows], pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
        columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in ("id", "text", "speaker")}
        pq.write_table(pa.table({"audio": audio} | columns), folder / f"test-{shard}.parquet")
    whole = (folder / "test-0.parquet").read_bytes()
    (folder / "test-3.parquet").write_bytes(whole[: len(whole) // 2])
    listed["test-3.parquet"] = "unreadable Parquet file"
    (folder / "test-4.parquet").write_bytes(b"")
    listed["test-4.parquet"] = "unreadable Parquet file"
    (folder / "loop").symlink_to(folder)
    return Hostile(str(folder), used, listed)

"""Whatever stands in a table: each row is used or listed, or the whole is refused in one line; never a traceback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hostile import recording
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hf_speech_tl.corpora import Corpus, load_corpus, screen
from hf_speech_tl.corpora.lines import read_lines
from hf_speech_tl.errors import SpeechError

pytestmark = pytest.mark.slow
_COMPANY = 12  # good rows, four of each split, so that no rule about the most of them stops the others

_words = st.one_of(
    st.text(max_size=12),
    st.text(st.characters(), max_size=8),  # lone surrogates and controls among them
    st.sampled_from(["ama", "train", "dev", "tset", "a0.wav", "gone.wav", "../a0.wav", "./a1.wav", "bad.wav", "0.1"]),
)
_values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), _words, st.lists(_words, max_size=2), st.just({"path": "x"})
)
_keys = st.one_of(st.sampled_from(["id", "text", "speaker", "split", "offset", "duration", "path", "Audio"]), _words)
_names = st.one_of(_values, st.sampled_from([f"a{at}.wav" for at in range(_COMPANY)] + ["bad.wav"]))
_objects = st.builds(lambda audio, more: {"audio": audio} | more, _names, st.dictionaries(_keys, _values, max_size=5))
_lines = st.one_of(_objects.map(json.dumps), _values.map(json.dumps), st.text(max_size=20)).map(
    lambda line: "".join(line.splitlines())  # one row stays one line
)
_SOME = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the recordings of the good rows, and one that is cut short."""
    folder = tmp_path_factory.mktemp("clips")
    for at in range(_COMPANY):
        (folder / f"a{at}.wav").write_bytes(recording(at, 0.6))
    (folder / "bad.wav").write_bytes(recording(99)[:5_000])
    yield folder


def _company() -> list[dict[str, object]]:
    splits = ("train", "dev", "test")
    return [
        {"id": f"good {at}", "audio": f"a{at}.wav", "text": f"ama {'a' * at}", "speaker": "x", "split": splits[at % 3]}
        for at in range(_COMPANY)
    ]


def _rows(source: Path) -> Corpus | None:
    """The screened corpus; None where it is refused as a whole."""
    try:
        corpus = load_corpus([str(source)], "qu")
        return screen(
            corpus, "char", max_seconds=20, min_seconds=0.1, frames_of=lambda seconds: int(49 * seconds), threads=1
        )
    except SpeechError as error:
        assert error.exit_code in (2, 3), error
        return None


def _accounted(corpus: Corpus) -> tuple[set[str], int]:
    used = [name for split in (corpus.train, corpus.validation, corpus.test) for name in split["id"][:]]
    assert len(used) == len(set(used))
    return set(used), len(used) + len(corpus.skipped)


@_SOME
@given(lines=st.lists(_lines, max_size=6))
def test_any_json_lines(lines: list[str], clips: Path) -> None:
    source = clips / "any.jsonl"
    text = "\n".join([json.dumps(row) for row in _company()] + lines)
    source.write_text(text, encoding="utf-8", errors="surrogatepass")
    corpus = _rows(source)
    if corpus:
        used, accounted = _accounted(corpus)
        assert accounted == _COMPANY + sum(bool(line.strip()) for line in lines)
        assert used >= {f"good {at}" for at in range(_COMPANY)}


@_SOME
@given(junk=st.binary(max_size=120) | st.text('a,"\n\r\t \0é', max_size=40).map(str.encode), comma=st.booleans())
def test_any_bytes_in_a_table(junk: bytes, comma: bool, clips: Path) -> None:
    source = clips / ("any.csv" if comma else "any.tsv")
    delimiter = "," if comma else "\t"
    rows = _company()
    lines = [delimiter.join(map(str, row.values())) for row in rows]
    head = delimiter.join(rows[0])
    content = "\n".join([head, *lines[:6]]).encode() + b"\n" + junk + b"\n" + "\n".join(lines[6:]).encode()
    source.write_bytes(content)
    corpus = _rows(source)
    if corpus:
        used, accounted = _accounted(corpus)
        assert accounted == len(read_lines(source))
        assert used >= {f"good {at}" for at in range(_COMPANY)}


_audio = st.fixed_dictionaries(
    {
        "bytes": st.one_of(
            st.none(),
            st.binary(max_size=60),
            st.sampled_from([recording(1, 0.5), recording(2, 0.5)[:9_000], recording(3, 0.5, format="FLAC")]),
        ),
        "path": st.one_of(st.none(), st.text(max_size=10), st.sampled_from(["a0.wav", "../a.wav", "gone.wav"])),
    }
)
_cells = st.fixed_dictionaries(
    {
        "id": st.none() | st.text(max_size=6),
        "audio": st.none() | _audio,
        "text": st.none() | st.text(max_size=30),
        "speaker": st.none() | st.text(max_size=6),
        "split": st.none() | st.sampled_from(["train", "validation", "test", "tset", ""]),
        "seconds": st.none() | st.floats(),
    }
)


@_SOME
@given(rows=st.lists(_cells, max_size=6))
def test_any_cells_of_parquet(rows: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("parquet")
    company = [
        row | {"audio": {"bytes": recording(at, 0.6), "path": None}, "seconds": 0.6}
        for at, row in enumerate(_company())
    ]
    kinds = dict.fromkeys(("id", "text", "speaker", "split"), pa.string()) | {"seconds": pa.float64()}
    kinds["audio"] = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    together = [*company, *rows]
    table = pa.table({name: pa.array([row[name] for row in together], kind) for name, kind in kinds.items()})
    pq.write_table(table, folder / "any.parquet", row_group_size=5)
    corpus = _rows(folder / "any.parquet")
    if corpus:
        used, accounted = _accounted(corpus)
        assert accounted == len(together)
        assert used >= {f"good {at}" for at in range(_COMPANY)}


_LAYOUTS = {
    "Kaldi": {
        "wav.scp": "".join(f"u{at} a{at}.wav\n" for at in range(_COMPANY)),
        "text": "".join(f"u{at} ama\n" for at in range(_COMPANY)),
        "utt2spk": "".join(f"u{at} s\n" for at in range(_COMPANY)),
        "segments": "".join(f"u{at} u{at} 0.0 0.5\n" for at in range(_COMPANY)),
    },
    "Common Voice": {
        "validated.tsv": "client_id\tpath\tsentence\n" + "".join(f"s\ta{at}.wav\tama\n" for at in range(_COMPANY)),
        "test.tsv": "client_id\tpath\tsentence\ns\ta1.wav\tama\n",
    },
    "Praat": {
        "a0.TextGrid": 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n0.6\n<exists>\n1\n"IntervalTier"\n'
        '"tx"\n0\n0.6\n1\n0\n0.6\n"ama"\n',
    },
    "ELAN": {
        "a0.eaf": '<?xml version="1.0" encoding="UTF-8"?><ANNOTATION_DOCUMENT><HEADER TIME_UNITS="milliseconds">'
        '<MEDIA_DESCRIPTOR MEDIA_URL="a0.wav" MIME_TYPE="audio/x-wav"/></HEADER><TIME_ORDER><TIME_SLOT TIME_SLOT_ID='
        '"t1" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="t2" TIME_VALUE="500"/></TIME_ORDER><TIER TIER_ID="tx" '
        'LINGUISTIC_TYPE_REF="l"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="t1" '
        'TIME_SLOT_REF2="t2"><ANNOTATION_VALUE>ama</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>'
        '<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="l" TIME_ALIGNABLE="true"/></ANNOTATION_DOCUMENT>',
    },
    "texts": {f"a{at}.txt": "ama" for at in range(_COMPANY)},
}


@pytest.mark.parametrize("layout", _LAYOUTS)
@_SOME
@given(data=st.data())
def test_damage_to_the_files_of_a_layout(
    layout: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory, clips: Path
) -> None:
    folder = tmp_path_factory.mktemp("layout")
    home = folder / "clips" if layout == "Common Voice" else folder
    home.mkdir(exist_ok=True)
    for clip in clips.glob("a*.wav"):
        (home / clip.name).hardlink_to(clip)
    for name, text in _LAYOUTS[layout].items():
        content = text.encode()
        if data.draw(st.booleans(), "damaged"):
            at = data.draw(st.integers(0, len(content)), "at")
            end = data.draw(st.integers(at, min(len(content), at + 40)), "end")
            content = content[:at] + data.draw(st.binary(max_size=8), "noise") + content[end:]
        (folder / name).write_bytes(content)
    corpus = _rows(folder)
    if corpus:
        _accounted(corpus)

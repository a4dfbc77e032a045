from __future__ import annotations

from pathlib import Path

import datasets
import pyarrow as pa

from hf_speech_tl.corpora.table import READ, digest, with_columns


def _mapped(tmp_path: Path) -> datasets.Dataset:
    file = tmp_path / "rows.arrow"
    audio = [{"bytes": bytes([number]) * 1_000, "path": None, "offset": None, "length": None} for number in range(6)]
    rows = pa.table({"id": [str(number) for number in range(6)], "audio": pa.array(audio, READ.field("audio").type)})
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return datasets.Dataset.from_file(str(file))


def test_columns_join_a_selection_without_copying_its_audio(tmp_path: Path) -> None:
    selected = _mapped(tmp_path).select([4, 1, 5], keep_in_memory=True)
    joined = with_columns(selected, {"transcript": ["four", "one", None]})
    assert joined["id"][:] == ["4", "1", "5"]
    assert joined["transcript"][:] == ["four", "one", None]
    assert [row["audio"]["bytes"][0] for row in joined] == [4, 1, 5]
    assert [Path(file["filename"]) for file in joined.cache_files] == [tmp_path / "rows.arrow"]
    assert joined.select([1])["transcript"][:] == ["one"]


def test_columns_join_a_slice_and_a_concatenation(tmp_path: Path) -> None:
    rows = _mapped(tmp_path)
    both = datasets.concatenate_datasets([rows.select(range(2, 4)), rows.select([0, 5], keep_in_memory=True)])
    joined = with_columns(both, {"transcript": list("wxyz")})
    assert joined["id"][:] == ["2", "3", "0", "5"]
    assert joined["transcript"][:] == ["w", "x", "y", "z"]


def test_columns_join_no_rows_at_all(tmp_path: Path) -> None:
    joined = with_columns(_mapped(tmp_path).select([]), {"transcript": []})
    assert joined.column_names == ["id", "audio", "transcript"]
    assert joined["transcript"][:] == []


def test_digests_follow_the_values() -> None:
    assert digest([("a", 1.5, None)]) == digest([("a", 1.5, None)])
    assert digest([("a", "b")]) != digest([("ab",)]) != digest([("b", "a")])
    assert digest([("half a pair \ud800",)])

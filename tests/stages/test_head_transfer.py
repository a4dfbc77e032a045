import csv
import json

import pytest

from hf_speech_tl.stages import finetune


@pytest.fixture
def accented(corpus, tmp_path):  # type: ignore[no-untyped-def]
    """The corpus with an accent on each a, which the tiny checkpoint does not know."""
    import datasets

    for split in ("train", "validation", "test"):
        rows = datasets.Dataset.from_parquet(str(corpus / f"{split}.parquet"), cache_dir=str(tmp_path / "cache"))
        (tmp_path / "data").mkdir(exist_ok=True)
        rows = rows.map(lambda row: {"text": row["text"].replace("a", "à")})
        rows.to_parquet(str(tmp_path / "data" / f"{split}.parquet"))
    return (str(tmp_path / "data"),)


def test_what_each_symbol_came_of_is_told_and_kept(settings, accented, capfd, tmp_path) -> None:
    results = finetune.run(settings(data=accented, quiet=False))
    assert results["model"]["head"] == {"blank": 1, "same": 4, "romanisation": 1} and results["before"] is None
    told = capfd.readouterr().err
    assert "5 of 6 symbols as the checkpoint has them (--head transfer)" in told and "1 romanised alike: à of a" in told
    with (tmp_path / "run" / "head.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert {"symbol": "à", "origin": "romanisation", "from": "a", "distance": ""} in table and len(table) == 6


def test_a_fresh_head_forgets_and_has_no_score_before(settings, capfd, tmp_path) -> None:
    finetune.run(settings(head="fresh", quiet=False, max_steps=1))
    stored = json.loads((tmp_path / "run" / "results.json").read_text("utf-8"))
    assert stored["before"] is None and stored["model"]["head"] == {}
    assert "random rows (--head fresh)" in capfd.readouterr().err
    assert not (tmp_path / "run" / "head.csv").exists()
    assert "head: fresh" in (tmp_path / "run" / "run.yaml").read_text()

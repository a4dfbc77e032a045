"""Made speech: the corpus that is shipped, and the script that makes such a corpus for any language."""

from __future__ import annotations

import importlib.util
import io
import random
import re
import subprocess
import sys
from collections import Counter
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

_ROOT = Path(__file__).parents[1]
_SCRIPT = _ROOT / "scripts" / "build_starter_speech"
_ASSET = _ROOT / "hf_speech_tl" / "assets" / "starter_speech.parquet"
_LANGUAGES = (
    "af am ar az be bg bn ca cs cy da de el en-US es et eu fa fi fr ga gu he hi hr hu hy id is it ka kk kn ko lt lv mk "
    "ml mr ms nb nl pa pl pt-BR qu ro ru sk sl sq sr sv sw ta te tr uk ur vi zh"
)


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    """The script as a module."""
    for name in ("espeakng_loader", "babel"):
        pytest.importorskip(name, reason=f"needs {name} of the extra espeak")
    loader = SourceFileLoader("build_starter_speech", str(_SCRIPT))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tiny(builder: ModuleType) -> pa.Table:
    return builder.build("it", 0.4, 0)


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(_SCRIPT), *arguments], capture_output=True, text=True, timeout=120)


def _texts(table: pa.Table) -> dict[str, list[str]]:
    splits = {"train": [], "validation": [], "test": []}
    for text, split in zip(table["text"].to_pylist(), table["split"].to_pylist(), strict=True):
        splits[split].append(text)
    return splits


def _assert_fair(table: pa.Table) -> None:
    splits = _texts(table)
    assert all(splits.values())
    texts = [text for split in splits.values() for text in split]
    assert len(set(texts)) == len(texts) == len(set(table["id"].to_pylist()))
    met = Counter(char for text in splits["train"] for char in set(text))
    assert min(met[char] for text in texts for char in text) >= 5


def test_shipped_speech_is_small_and_fair() -> None:
    table = pq.read_table(_ASSET)
    assert _ASSET.stat().st_size <= 4_000_000
    assert table.column_names == ["id", "audio", "text", "speaker", "seconds", "split"]
    assert 30 <= sum(table["seconds"].to_pylist()) / 60 <= 40
    assert len(set(table["speaker"].to_pylist())) < 10
    assert all(re.fullmatch("[一-鿿]{2,16}", text) for text in table["text"].to_pylist())
    assert all(60 <= len(_texts(table)[split]) <= 100 for split in ("validation", "test"))
    _assert_fair(table)


def test_shipped_speech_decodes_as_long_as_it_says() -> None:
    for row in pq.read_table(_ASSET).slice(0, 60).to_pylist():
        samples, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]))
        assert (rate, samples.ndim) == (16_000, 1)
        assert len(samples) / rate == pytest.approx(row["seconds"], abs=0.001)


def test_same_arguments_give_the_same_bytes(tiny: pa.Table, tmp_path: Path) -> None:
    files = [tmp_path / "first.parquet", tmp_path / "second.parquet"]
    pq.write_table(tiny, files[0], compression="zstd")
    run = _run("--lang", "it", "--minutes", "0.4", "--output", str(files[1]))
    assert run.returncode == 0, run.stderr
    assert files[0].read_bytes() == files[1].read_bytes()


def test_another_seed_draws_other_texts(builder: ModuleType) -> None:
    first, again, other = (builder.starter_texts.texts("it", 50, random.Random(seed)) for seed in (0, 0, 1))
    assert first == again
    assert len(set(first) & set(other)) < 25


def test_splits_share_no_text_and_every_character_is_learnt(tiny: pa.Table) -> None:
    _assert_fair(tiny)


def test_clips_have_a_tenth_of_a_second_of_silence_at_both_ends(tiny: pa.Table) -> None:
    for audio in tiny["audio"].to_pylist():
        samples, rate = soundfile.read(io.BytesIO(audio["bytes"]))
        loud = np.flatnonzero(np.abs(samples) > 0.02)
        assert 0.05 < loud[0] / rate < 0.2
        assert 0.05 < (len(samples) - loud[-1]) / rate < 0.3


@pytest.mark.parametrize("tag", _LANGUAGES.split())
def test_language_answers_with_texts_that_its_voice_reads(builder: ModuleType, tag: str) -> None:
    voice = "cmn" if tag == "zh" else tag
    drawn = builder.starter_texts.texts(tag, 60, random.Random(0))
    texts = [text for text in drawn if builder.espeak.pronounces(text, voice)]
    assert len(texts) >= 40
    assert not re.search(r"[\d.,:%/()]", "".join(texts))
    assert len(builder.espeak.speak(texts[0], voice, "f1")) > 0.3 * builder.espeak.RATE


def test_chinese_numbers_are_read_as_people_read_them(builder: ModuleType) -> None:
    texts = " ".join(builder.starter_texts.texts("zh", 800, random.Random(0)))
    assert re.search("二零[零一二三][零一二三四五六七八九]年", texts) and "千零" in texts
    assert not re.search("[百千][零一二三四五六七八九十]+年[一二三四五六七八九十]", texts)
    assert re.search("两(天|点|个月)", texts) and "二月" in texts
    assert not re.search("(?<!十)二(天|点|个月|小时)", texts)
    assert re.search("[上下]午[一两三四五六七八九十]+点[二三四五]?十[一二三四五六七八九]?分", texts)


def test_voice_that_spells_letters_out_does_not_pronounce(builder: ModuleType) -> None:
    assert builder.espeak.pronounces("韩国", "cmn")
    assert not builder.espeak.pronounces("韩国", "ja")


def test_unknown_language_is_named_with_what_is_near(builder: ModuleType, tmp_path: Path) -> None:
    run = _run("--lang", "pt-BX", "--output", str(tmp_path / "x.parquet"))
    assert run.returncode == 2
    assert "'pt-BX'" in run.stderr and "pt-BR" in run.stderr


def test_existing_file_is_not_replaced_unasked(builder: ModuleType, tmp_path: Path) -> None:
    output = tmp_path / "mine.parquet"
    output.write_bytes(b"mine")
    run = _run("--lang", "it", "--output", str(output))
    assert run.returncode == 2 and "--overwrite" in run.stderr
    assert output.read_bytes() == b"mine"

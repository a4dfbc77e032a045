"""The recipes of scripts/recipes: they are settings, name their sources, and run, on noise in their own layouts."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from pympi.Elan import Eaf
from tiny import RATE, encoder_of, save_many_languages, tiny_model

from hf_speech_tl.settings import FinetuneSettings, TransferSettings, lay_route, read_yaml
from hf_speech_tl.stages.finetune import run

_FOLDER = Path(__file__).parents[1] / "scripts" / "recipes"
_TRANSFERS = sorted(_FOLDER.glob("transfer-*.yaml"))
_RECIPES = [path for path in sorted(_FOLDER.glob("*.yaml")) if path not in _TRANSFERS]
_TEXTS = {
    "zh": ("甚至 出现 交易", "今天天气很好", "我们去北京", "你好", "他在看书", "明天见"),
    "sw": ("habari ya asubuhi", "ninaenda sokoni", "asante sana", "karibu", "maji safi", "mtoto analala"),
    "en": ("THE WORDS", "A SMALL HOUSE", "GOOD MORNING", "SHE SAID NO", "IT'S LATE", "COME HERE"),
    "mn": ("сайн байна уу", "би ном уншина", "өнөөдөр халуун", "баярлалаа", "ус уух", "гэр бүл"),
    "ar": ("صباح الخير", "أنا أقرأ", "الماء بارد", "شكرا", "اليوم حار", "بيت صغير"),
    "quw": ("wañushka", "ñuka wasi", "ari", "mana munani", "yaku", "kayna puncha"),
}
_SPLITS = ("train", "dev", "test")


def _clip(seed: int, seconds: float = 1.5, file_format: str = "WAV") -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)).clip(-0.9, 0.9)
    soundfile.write(stream, noise, RATE, format=file_format)
    return stream.getvalue()


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _fleurs(home: Path, texts: tuple[str, ...]) -> None:
    """As the Hub's Parquet files of google/fleurs: no network here, so that a folder stands for the name."""
    home.mkdir()
    for split in ("train", "validation", "test"):
        audio = [{"bytes": _clip(at), "path": f"{split}{at}.wav"} for at in range(len(texts))]
        pq.write_table(pa.table({"audio": audio, "transcription": texts}), home / f"{split}.parquet")


def _common_voice(home: Path, texts: tuple[str, ...]) -> None:
    columns = "client_id\tpath\tsentence_id\tsentence\tup_votes\tlocale"
    for number, table in enumerate(("validated", "dev", "test")):
        # A third each: what trains shares neither a speaker nor a sentence with what is judged.
        mine = list(enumerate(texts))[number::3]
        lines = [f"{table}{at}\t{table}{at}.mp3\tx\t{text}\t2\txx" for at, text in mine]
        _write(home / f"{table}.tsv", "\n".join([columns, *lines, ""]).encode())
        for at, _ in mine:
            _write(home / "clips" / f"{table}{at}.mp3", _clip(at, file_format="MP3"))


def _aishell(home: Path, texts: tuple[str, ...]) -> None:
    lines = []
    for number, split in enumerate(_SPLITS):
        for at, text in enumerate(texts):
            name = f"BAC009S000{number}W{at:04d}"
            lines.append(f"{name} {text}")
            _write(home / "wav" / split / f"S000{number}" / f"{name}.wav", _clip(at))
    _write(home / "transcript" / "aishell_transcript_v0.8.txt", "\n".join(lines).encode())


def _librispeech(home: Path, texts: tuple[str, ...]) -> None:
    for speaker, split in enumerate(("train-clean-100", "dev-clean", "test-clean")):
        chapter = home / split / str(speaker) / "198"
        for at in range(len(texts)):
            _write(chapter / f"{speaker}-198-{at:04d}.flac", _clip(at, file_format="FLAC"))
        lines = [f"{speaker}-198-{at:04d} {text}" for at, text in enumerate(texts)]
        _write(chapter / f"{speaker}-198.trans.txt", "\n".join(lines).encode())


def _elan(home: Path, texts: tuple[str, ...]) -> None:
    for speaker in ("Ana", "Luis"):
        _write(home / f"{speaker}.wav", _clip(0, 2.0 * len(texts)))
        eaf = Eaf()
        eaf.add_linked_file(f"file:///C:/{speaker}.wav", relpath=f"./{speaker}.wav", mimetype="audio/x-wav")
        for tier in (f"tx@{speaker}", f"ft@{speaker}"):
            eaf.add_tier(tier)
            for at, text in enumerate(texts):
                eaf.add_annotation(tier, 2000 * at, 2000 * at + 1500, text if tier.startswith("tx") else "free")
        eaf.to_file(str(home / f"{speaker}.eaf"))


_LAYOUTS: dict[str, Callable[[Path, tuple[str, ...]], None]] = {
    "fleurs": _fleurs,
    "cv-corpus": _common_voice,
    "data_aishell": _aishell,
    "LibriSpeech": _librispeech,
    "fieldwork": _elan,
}
_FAMILIES = {"hubert": "hubert", "w2v-bert": "wav2vec2-bert"}  # by a word of the model's name; else wav2vec2


@pytest.mark.parametrize("path", _RECIPES, ids=lambda path: path.stem)
def test_the_comment_names_a_gpu_its_sources_and_what_was_not_measured(path: Path) -> None:
    comment, values = path.read_text("utf-8").split("\n\n")
    assert all(line.startswith("#") for line in comment.splitlines())
    # What belongs to a heading is indented.
    parts = {part.split()[0]: part for part in re.split(r"\n# ?(?=\S)", comment)[1:]}
    assert parts.keys() >= {"Data", "GPU", "Aims", "Inexact"}
    source = r"https://\S+|arXiv:\d{4}\.\d{5}"
    assert re.search(source, parts["Aims"]) and re.search(r"\d+ GB", parts["GPU"])
    assert re.search(source, parts["Data"]) or "fieldwork" in values
    assert "no GPU was had" in re.sub(r"\n#\s+", " ", parts["GPU"])
    # A name in brackets beside a value stands for a source above.
    assert set(re.findall(r"# (\[.+?\])", values)) <= set(re.findall(r'"(\[.+?\])"', comment))
    assert f"({path.name})" in (_FOLDER / "README.md").read_text("utf-8")


@pytest.mark.parametrize("path", _TRANSFERS, ids=lambda path: path.stem)
def test_a_transfer_is_stages_that_its_file_has_settings_for(path: Path) -> None:
    settings = read_yaml(TransferSettings, path)
    legs = {leg.name: leg.settings for leg in lay_route(settings)}
    own = {stage.name: stage.own for stage in settings.stages}
    assert own.keys() == legs.keys() and any(own.values())
    for name, values in own.items():
        assert {key: getattr(legs[name], key) for key in values if key != "augment"} == {
            key: float(value) if key.endswith("rate") else value for key, value in values.items() if key != "augment"
        }
    assert f"({path.name})" in (_FOLDER / "README.md").read_text("utf-8")


def test_each_is_settings_at_once() -> None:
    assert len(_RECIPES) == 8
    code = (
        "import sys, time\n"
        "from hf_speech_tl.settings import FinetuneSettings, parse\n"
        "for path in sys.argv[1:]:\n"
        "    began = time.process_time()\n"
        "    settings = parse(FinetuneSettings, [path])\n"
        "    assert settings.model != 'starter' and time.process_time() - began < 1, path\n"
        "assert not {'torch', 'transformers', 'datasets'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, *map(str, _RECIPES)], check=True)


@pytest.mark.parametrize("path", _RECIPES, ids=lambda path: path.stem)
def test_two_steps_of_it_at_a_tiny_size(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    recipe = read_yaml(FinetuneSettings, path)
    (layout,) = (name for name in _LAYOUTS if recipe.data[0].startswith(name))
    _LAYOUTS[layout](tmp_path / "data", _TEXTS[recipe.lang.split("-")[0]])
    family = next((family for word, family in _FAMILIES.items() if word in recipe.model), "wav2vec2")
    if "mms" in recipe.model:
        save_many_languages(tmp_path / "base")
    else:
        encoder_of(tiny_model(family)).save_pretrained(tmp_path / "base")
    settings = replace(
        recipe,
        data=(str(tmp_path / "data"),),
        model=str(tmp_path / "base"),
        output=tmp_path / "run",
        epochs=None,
        max_steps=2,
        precision="float32",
    )
    run(settings)

    stored = json.loads((tmp_path / "run" / "results.json").read_text("utf-8"))
    files = {file.name for file in (tmp_path / "run").iterdir()}
    assert {"model.safetensors", "config.json", "vocab.json", "README.md", "run.yaml", "log.jsonl"} <= files
    assert ("adapter" in files) == (recipe.tuning == "lora")
    training = stored["training"]
    assert stored["model"]["family"] == family and stored["lang"] == recipe.lang and not stored["data"]["skipped"]
    kinds = stored["model"]["head"]  # the tiny MMS has the blank, the space, a and e
    assert (kinds["blank"], kinds["same"]) == (1, 3) if "mms" in recipe.model else not kinds
    assert (training["steps"], training["tuning"]) == (2, recipe.tuning)
    for key in ("learning_rate", "batch_seconds", "augment"):
        if (asked := getattr(recipe, key)) is not None:
            assert training[key] == (list(asked) if key == "augment" else asked)
    kept = read_yaml(FinetuneSettings, tmp_path / "run" / "run.yaml")
    assert (kept.warmup, kept.max_seconds, kept.tier) == (recipe.warmup, recipe.max_seconds, recipe.tier)
    plan = capfd.readouterr().err
    rates = f"encoder {training['learning_rate']:g}"
    for told in ("device", str(tmp_path / "base"), "2 of ", rates, "--precision float32", f"--tuning {recipe.tuning}"):
        assert told in plan

"""Models that bite: each ends every command in one line and a code that says whose move it is, and runs no code."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import save_tiny

from hf_speech_tl import evaluate, finetune

_RAN = "ran.txt"


class _Bomb:
    """What a pickle does that is more than data."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self._place),)


def _as_bin(directory: Path, content: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(directory / "model.safetensors")
    (directory / "model.safetensors").unlink()
    torch.save(content(weights), directory / "pytorch_model.bin")


def _changed(directory: Path, name: str, change: Callable[[dict], object]) -> None:
    path = directory / name
    path.write_text(json.dumps(change(json.loads(path.read_text("utf-8")))), "utf-8")


def _code_in_a_pickle(directory: Path) -> None:
    _as_bin(directory, lambda weights: weights | {"bomb": _Bomb(directory / _RAN)})


def _a_bare_pickle(directory: Path) -> None:
    (directory / "model.safetensors").unlink()
    (directory / "pytorch_model.bin").write_bytes(pickle.dumps(_Bomb(directory / _RAN)))


def _a_whole_model_in_a_pickle(directory: Path) -> None:
    _as_bin(directory, lambda weights: {"state": weights, "settings": Path("x")})


def _weights_of_nothing(directory: Path) -> None:
    (directory / "model.safetensors").write_bytes(b"")


def _no_weights(directory: Path) -> None:
    (directory / "model.safetensors").unlink()


def _cut_short(directory: Path) -> None:
    path = directory / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _a_header_of_terabytes(directory: Path) -> None:
    path = directory / "model.safetensors"
    path.write_bytes((1 << 42).to_bytes(8, "little") + path.read_bytes()[8:])


def _nan(directory: Path) -> None:
    weights = load_file(directory / "model.safetensors")
    weights["lm_head.weight"][0, 0] = torch.nan
    save_file(weights, directory / "model.safetensors", {"format": "pt"})


def _infinite(directory: Path) -> None:
    weights = load_file(directory / "model.safetensors")
    weights["wav2vec2.encoder.layers.0.final_layer_norm.weight"][0] = torch.inf
    save_file(weights, directory / "model.safetensors", {"format": "pt"})


def _raw(directory: Path, text: str, name: str = "vocab.json") -> None:
    (directory / name).write_text(text, "utf-8")


_BAD: dict[str, tuple[Callable[[Path], None], str]] = {
    "code in a pickle": (_code_in_a_pickle, "its weights cannot be loaded"),
    "a bare pickle": (_a_bare_pickle, "its weights cannot be loaded"),
    "more than weights": (_a_whole_model_in_a_pickle, "its weights cannot be loaded"),
    "empty weights": (_weights_of_nothing, "its weights cannot be loaded"),
    "no weights": (_no_weights, "its weights cannot be loaded"),
    "weights cut short": (_cut_short, "its weights cannot be loaded"),
    "a header of terabytes": (_a_header_of_terabytes, "its weights cannot be loaded"),
    "NaN": (_nan, "some of its weights are not finite numbers"),
    "infinity": (_infinite, "some of its weights are not finite numbers"),
    "one id twice": (
        lambda directory: _changed(directory, "vocab.json", lambda ids: ids | {"z": ids["a"]}),
        "its vocab.json does not fit its head .* 'a' and 'z' have the same id",
    ),
    "one symbol twice": (
        lambda directory: _raw(directory, '{"[PAD]": 0, "|": 1, "a": 2, "b": 3, "a": 4}'),
        "its vocab.json does not fit its head .* 'a' stands there twice",
    ),
    "more symbols than outputs": (
        lambda directory: _changed(directory, "vocab.json", lambda ids: ids | {"z": 99}),
        "its vocab.json does not fit its head .*99",
    ),
    "ids that are words": (
        lambda directory: _changed(directory, "vocab.json", lambda ids: ids | {"a": "two"}),
        "its vocab.json does not fit its head",
    ),
    "a negative id": (
        lambda directory: _changed(directory, "vocab.json", lambda ids: ids | {"a": -1}),
        "its vocab.json does not fit its head",
    ),
    "a list for a vocabulary": (lambda directory: _raw(directory, "[1, 2]"), "its vocab.json does not fit its head"),
    "half a vocabulary": (lambda directory: _raw(directory, '{"[PAD]": 0, "|'), "its vocab.json"),
    "no pad": (
        lambda directory: _changed(directory, "config.json", lambda config: config | {"pad_token_id": None}),
        "blank None",
    ),
    "a pad beyond the outputs": (
        lambda directory: _changed(directory, "config.json", lambda config: config | {"pad_token_id": 77}),
        "blank 77",
    ),
    "another pad than the tokenizer's": (
        lambda directory: _changed(directory, "config.json", lambda config: config | {"pad_token_id": 2}),
        "its tokenizer takes '.PAD.' for the blank, its config.json 'a'",
    ),
    "a config that is a list": (lambda directory: _raw(directory, "[]", "config.json"), "config.json cannot be used"),
    "half a config": (lambda directory: _raw(directory, '{"model_type": "wav2', "config.json"), "config.json"),
    "an unknown model with code": (
        lambda directory: _changed(
            directory, "config.json", lambda config: config | {"model_type": "x", "auto_map": {"AutoConfig": "code.C"}}
        ),
        "config.json cannot be used .it needs code of its own, which is never run here",
    ),
}


_TRAINED = ("code in a pickle", "NaN", "one id twice")  # by finetune too, which loads as evaluate does


@pytest.mark.parametrize("what", _BAD)
def test_one_line_and_a_code(
    what: str, tmp_path: Path, corpus: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    damage, said = _BAD[what]
    damage(save_tiny(tmp_path / "model"))
    capsys.readouterr()  # what saving shows
    (tmp_path / "model" / "code.py").write_text(f"import os\nos.mkdir({str(tmp_path / 'model' / _RAN)!r})\n")
    shared = ["--model", str(tmp_path / "model"), "--lang", "it", "--data", str(corpus), "--quiet"]
    trained = [(finetune, ["--max-steps", "1", "--output", "run"])] if what in _TRAINED else []
    for command, more in ((evaluate, []), *trained):
        code = command.main([*shared, *more])
        captured = capsys.readouterr()
        assert code == 2, captured.err
        assert captured.err.count("\n") == 1
        assert re.search(said, captured.err), captured.err
    assert not (tmp_path / "model" / _RAN).exists() and not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("left", ["the config alone", "weights by half", "nothing"])
def test_a_cache_that_was_downloaded_by_half(left: str, tmp_path: Path, corpus: Path) -> None:
    repository = tmp_path / "hub" / "models--owner--name"
    snapshot = repository / "snapshots" / ("0" * 40)
    if left != "nothing":
        model = save_tiny(tmp_path / "model")
        snapshot.mkdir(parents=True)
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text("0" * 40)
        (repository / "blobs").mkdir()
        for name in ("config.json", "vocab.json", "processor_config.json", "tokenizer_config.json"):
            shutil.copy(model / name, snapshot / name)
        if left == "weights by half":
            (snapshot / "model.safetensors").symlink_to("../../blobs/abc")
            (repository / "blobs" / "abc.incomplete").write_bytes((model / "model.safetensors").read_bytes()[:500])
    done = subprocess.run(
        [sys.executable, "-m", "hf_speech_tl.evaluate", "--model", "owner/name", "--lang", "it", "--data", str(corpus)],
        env={**os.environ, "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1 and "--model owner/name: " in done.stderr
    assert ("HF_HUB_OFFLINE is set" if left == "nothing" else "weights cannot be loaded") in done.stderr, done.stderr

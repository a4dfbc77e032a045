"""A finished run's results and directory, with all that must stay at home, and a Hub to push it to."""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hub.away import come_here, environment_of
from hub.server import Hub, User, serve
from huggingface_hub.utils import close_session

from hf_speech_tl.errors import SpeechError
from hf_speech_tl.publishing import push as push_here
from hf_speech_tl.publishing.card import card

_PUSH = """
import sys
from pathlib import Path
from hf_speech_tl.errors import SpeechError
from hf_speech_tl.publishing.hub import push
directory, repo_id, private = sys.argv[1:]
try:
    print(push(Path(directory), repo_id or None, private=private == "private"))
except SpeechError as error:
    print(f"{type(error).__name__}: {error}")
    sys.exit(error.exit_code)
"""

Push = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def results() -> dict:
    return json.loads((Path(__file__).parent / "golden" / "results.json").read_text(encoding="utf-8"))


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve({"ana-writes": User("ana"), "ana-reads": User("ana", "read"), "bo-writes": User("bo")}) as running:
        yield running


@pytest.fixture
def saved(tmp_path: Path, results: dict) -> Path:
    """A directory as a finished run leaves it, and what users lay beside; the weights are no weights."""
    directory = tmp_path / "home" / "ana" / "ro-model"
    settings = """
        # hf_speech_tl 0.1.0. To repeat this run: hf-speech-tl finetune run.yaml
        lang: ro
        data: [/home/ana/corpora/ro-tuxpaint, corpora/private stories/train.tsv, 'hub:ana/povesti:clean']
        model: facebook/wav2vec2-xls-r-300m
        learning_rate: 1.0e-05
        augment: [noise=../shared/noise, mask]
        push_to_hub: ana/romanian
        output: runs/ro
        resume: /home/ana/runs/ro
    """
    files = {
        "model.safetensors": "weights",
        "config.json": '{"model_type": "wav2vec2"}',
        "processor_config.json": "{}",
        "tokenizer_config.json": '{"pad_token": "[PAD]"}',
        "vocab.json": '{"[PAD]": 0, "|": 1, "/": 2}',
        "adapter/adapter_config.json": '{"base_model_name_or_path": "/home/ana/models/xls-r", "r": 16}',
        "adapter/adapter_model.safetensors": "adapter",
        "adapter/README.md": "base_model: /home/ana/models/xls-r",
        "README.md": card(results),
        "training.svg": "<svg/>",
        "results.json": json.dumps(results),
        "run.yaml": settings.replace("\n        ", "\n"),
        "head.csv": "symbol,row\na,1",
        "error.log": 'Traceback: "/home/ana/secret.py"',
        "skipped.csv": "id,split,source,reason,detail\nana/clip_07,train,ro-tuxpaint,truncated,",
        "log.jsonl": '{"loss": 1.0}',
        "transcripts.jsonl": '{"text": "bună ziua"}',
        "checkpoints/checkpoint-10/model.safetensors": "earlier weights",
        "checkpoints/checkpoint-10/optimizer.pt": "optimiser",
        "model.pt": "pickled",
        ".env": "HF_TOKEN=ana-writes",
        "audio/clip_07.wav": "a voice",
    }
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(content, encoding="utf-8")
    return directory


@pytest.fixture
def away(hub: Hub, tmp_path: Path) -> dict[str, str]:
    """The environment of a process whose Hub is the stand-in, with an empty cache."""
    return environment_of(hub, tmp_path / "cache")


@pytest.fixture
def here(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process's Hub is the stand-in."""
    come_here(hub, tmp_path / "cache", monkeypatch)
    yield
    close_session()


@pytest.fixture
def push(away: dict[str, str], here: None, monkeypatch: pytest.MonkeyPatch) -> Push:
    """`push` of hf_speech_tl: stdout is the URL, or the error's name and line, and stderr here its traceback.

    With `alone`, or variables of the environment, in a process of its own, which takes a second: elsewhere here.
    """

    def run(
        directory: Path,
        repo_id: str = "",
        *,
        token: str = "ana-writes",
        private: bool = False,
        alone: bool = False,
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        if alone or environment:
            return subprocess.run(
                [sys.executable, "-c", _PUSH, str(directory), repo_id, "private" if private else "public"],
                env=away | ({"HF_TOKEN": token} if token else {}) | environment,
                capture_output=True,
                text=True,
                timeout=60,
            )
        with monkeypatch.context() as patch:
            if token:
                patch.setenv("HF_TOKEN", token)
            trace = ""
            try:
                code, said = 0, push_here(directory, repo_id or None, private=private)
            except SpeechError as error:
                code, said, trace = error.exit_code, f"{type(error).__name__}: {error}", traceback.format_exc()
        return subprocess.CompletedProcess([], code, f"{said}\n", trace)

    return run

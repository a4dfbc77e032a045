"""From the Hub to the Hub: the commands that people type, and what others load of it with transformers alone."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hub.away import environment_of
from hub.contents import FLEURS, XLSR, fleurs, xlsr
from hub.server import Hub, User, serve
from huggingface_hub import ModelCard

_TEXTS = ("你好", "我是中国人", "他在学校", "今天很好", "大家好", "学校很大", "人很好", "我在中国")
_SPEAKERS = ("Maricica", "Gheorghe", "Ilinca")
_ALONE = """
import sys
sys.modules["hf_speech_tl"] = None  # whatever is installed here
import json
import numpy as np
import torch
from transformers import AutoModelForCTC, AutoProcessor, pipeline

name = sys.argv[1]
clip = np.random.default_rng(5).normal(0, 0.1, 24_000).astype("float32")
read = pipeline("automatic-speech-recognition", model=name)({"raw": clip, "sampling_rate": 16_000})["text"]
model, processor = AutoModelForCTC.from_pretrained(name), AutoProcessor.from_pretrained(name)
with torch.inference_mode():
    logits = model(**processor(clip, sampling_rate=16_000, return_tensors="pt")).logits
print(json.dumps([read, processor.batch_decode(logits.argmax(-1))[0]]))
"""
_ADAPTER = """
import sys
sys.modules["hf_speech_tl"] = None
import numpy as np
import torch
from peft import PeftConfig, PeftModel
from transformers import AutoModelForCTC, AutoProcessor

name = sys.argv[1]
clip = np.random.default_rng(5).normal(0, 0.1, 24_000).astype("float32")
merged, processor = AutoModelForCTC.from_pretrained(name), AutoProcessor.from_pretrained(name)
base = PeftConfig.from_pretrained(name, subfolder="adapter").base_model_name_or_path
model = AutoModelForCTC.from_pretrained(base, vocab_size=merged.config.vocab_size)
inputs = processor(clip, sampling_rate=16_000, return_tensors="pt")
with torch.inference_mode():
    plain, wanted = model(**inputs).logits, merged(**inputs).logits
    adapted = PeftModel.from_pretrained(model, name, subfolder="adapter").eval()(**inputs).logits
print(base, torch.allclose(adapted, wanted, atol=1e-4), torch.allclose(plain, wanted, atol=1e-4))
"""


_ANA = {"ana-writes": User("ana")}
_SHORT = ["--lang", "zh", "--max-steps", "3", "--batch-seconds", "8", "--precision", "float32"]


def _noise(count: int, seed: int) -> list[tuple[bytes, str]]:
    said = []
    for at in range(count):
        stream = io.BytesIO()
        noise = np.random.default_rng(100 * seed + at).normal(0, 0.1, 16_000 + 1600 * at).clip(-0.9, 0.9)
        soundfile.write(stream, noise, 16_000, format="WAV")
        said.append((stream.getvalue(), _TEXTS[at % len(_TEXTS)]))
    return said


@pytest.fixture(scope="module")
def stocked() -> Iterator[Hub]:
    """A Hub with XLS-R and FLEURS."""
    with serve(_ANA) as hub:
        splits = {"train": _noise(12, 1), "validation": _noise(4, 2), "test": _noise(4, 3)}
        hub.repositories |= {XLSR: xlsr(), FLEURS: fleurs(splits)}
        yield hub


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def run(stocked: Hub, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A command in a process of its own: of ana, with her token and her cache, or of somebody who has neither, nor
    hf_speech_tl."""

    def start(*arguments: str, ana: bool = False) -> subprocess.CompletedProcess[str]:
        folder = tmp_path_factory.mktemp("ana" if ana else "somebody")
        environment = environment_of(stocked, folder / "cache")
        if ana:
            environment["HF_TOKEN"] = "ana-writes"
        else:
            del environment["PYTHONPATH"]
        done = subprocess.run(
            [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stderr
        assert "ana-writes" not in done.stdout + done.stderr
        return done

    return start


@pytest.mark.slow
def test_what_is_typed_ends_in_a_model_that_anybody_loads(stocked: Hub, run: Run) -> None:
    typed = ["--model", XLSR, "--data", "fleurs", "--push-to-hub", "xlsr-zh", *_SHORT]
    done = run("-m", "hf_speech_tl.finetune", *typed, ana=True)
    assert f"pushed to: {stocked.url}/ana/xlsr-zh" in done.stdout
    # Nor does transformers ask about a conversion of these weights, which it would go on to order elsewhere.
    assert not stocked.unknown
    files = stocked.repositories["ana/xlsr-zh"].files
    (figure,) = ModelCard(files["README.md"].decode()).data.eval_results
    assert figure.metric_value == round(json.loads(files["results.json"])["after"]["cer"]["value"], 4)
    assert (figure.dataset_type, figure.dataset_split) == ("google/fleurs", "test")

    read, decoded = json.loads(run("-c", _ALONE, "ana/xlsr-zh").stdout)
    assert read == decoded and set(read) & set("".join(_TEXTS))
    for name in ("config.json", "model.safetensors", "processor_config.json", "vocab.json"):
        assert any(re.fullmatch(rf"GET /ana/xlsr-zh/resolve/\w+/{name}", asked) for asked in stocked.requests), name


@pytest.fixture(scope="module")
def adapted(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a LoRA run on recordings of people at home, pushed to ana/tapes."""
    home = tmp_path_factory.mktemp("home")
    tapes, output = home / "private" / "tapes", home / "private" / "runs" / "tapes"
    tapes.mkdir(parents=True)
    table = ["file_name,text,speaker"]
    for at, (audio, text) in enumerate(_noise(40, 4)):
        (tapes / f"visit_{at}.wav").write_bytes(audio if at else audio[:1000])
        table.append(f"visit_{at}.wav,{text},{_SPEAKERS[at % len(_SPEAKERS)]}")
    (tapes / "metadata.csv").write_text("\n".join(table), "utf-8")
    typed = ["--model", XLSR, "--data", str(tapes), "--output", str(output), "--tuning", "lora", *_SHORT]
    run("-m", "hf_speech_tl.finetune", *typed, "--push-to-hub", "tapes", ana=True)
    return output


@pytest.mark.slow
def test_an_adapter_goes_upon_the_base_it_was_made_for(adapted: Path, run: Run) -> None:
    assert run("-c", _ADAPTER, "ana/tapes").stdout.split() == [XLSR, "True", "False"]


@pytest.mark.slow
def test_what_was_said_and_by_whom_and_where_it_lies_stays_at_home(stocked: Hub, adapted: Path) -> None:
    sentences = [text for text in _TEXTS if len(text) > 2]  # two characters may stand in any weights
    secrets = [*sentences, *_SPEAKERS, "visit_", "private", "ana-writes", str(adapted.parents[2])]
    at_home = b"".join(path.read_bytes() for path in adapted.rglob("*") if path.is_file()).decode(errors="replace")
    assert "visit_0" in at_home and "private" in at_home  # in skipped.csv and run.yaml
    files = stocked.repositories["ana/tapes"].files
    assert {"README.md", "results.json", "run.yaml"} < files.keys()
    assert not files.keys() & {"skipped.csv", "log.jsonl"}
    for name, content in files.items():
        for encoding in ("utf-8", "utf-16-le", "unicode_escape"):
            found = [secret for secret in secrets if secret.encode(encoding) in content]
            assert not found, f"{found} in {name}"

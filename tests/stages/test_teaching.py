from types import SimpleNamespace

import pytest
import torch

from hf_speech_tl.settings import FinetuneSettings
from hf_speech_tl.stages import teaching
from hf_speech_tl.stages.runs import processes
from hf_speech_tl.training import Pace


@pytest.mark.parametrize("first", ["float32", "bfloat16"])
def test_all_processes_keep_features_in_the_precision_that_the_first_one_measured(first: str, monkeypatch) -> None:
    """A second process, which would have measured the other one."""
    other = {"float32": "bfloat16", "bfloat16": "float32"}[first]
    monkeypatch.setattr(teaching, "choose_precision", lambda *_: Pace(other))
    monkeypatch.setattr(teaching, "first_batches", lambda _: [])
    monkeypatch.setattr(teaching, "Loader", lambda *_: [])
    monkeypatch.setattr(processes, "broadcast_object_list", lambda _: [Pace(first)])
    second = SimpleNamespace(is_main_process=False, device=torch.device("cpu"))
    heard: list[str] = []
    task, settings = SimpleNamespace(collate=None), FinetuneSettings(lang="it", max_steps=1)
    pace = teaching._measure(None, task, [], None, settings, None, second, heard.append)  # type: ignore[arg-type]
    assert heard == [pace.precision] == [first]

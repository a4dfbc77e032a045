"""What a run tells in the end, beside what it stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_speech_tl.settings import FinetuneSettings, SelftrainSettings
from hf_speech_tl.stages import conclusion
from hf_speech_tl.stages.conclusion import hand_over

RESULTS: dict[str, object] = {"lang": "it"}


@pytest.mark.parametrize(("asked", "wanted"), [("auto", None), ("ana/one", "ana/one")])
def test_a_push_that_is_asked_for_is_done_and_told(
    asked: str, wanted: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed: list[tuple[object, ...]] = []

    def push(directory: Path, model_id: str | None, *, private: bool) -> str:
        pushed.append((directory, model_id, private))
        return "https://hub/ana/one"

    monkeypatch.setattr(conclusion, "push", push)
    alike = dict(lang="it", data=("words",), output=tmp_path, push_to_hub=asked, private=True)
    for settings in (FinetuneSettings(**alike), SelftrainSettings(model="m", unlabelled=("pool",), **alike)):
        told = hand_over(tmp_path, settings, RESULTS)
        assert told == {"lang": "it", "pushed_to": "https://hub/ana/one", "output": str(tmp_path)}
    assert pushed == [(tmp_path, wanted, True)] * 2 and RESULTS == {"lang": "it"}


def test_nothing_is_pushed_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conclusion, "push", lambda *_, **__: pytest.fail("it was pushed"))
    settings = FinetuneSettings(lang="it", data=("words",), output=tmp_path)
    assert hand_over(tmp_path, settings, RESULTS) == {"lang": "it", "output": str(tmp_path)}

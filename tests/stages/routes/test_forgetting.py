"""What cannot be compared costs the figure, and not the transfer."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_speech_tl.errors import DataError
from hf_speech_tl.settings import FinetuneSettings
from hf_speech_tl.stages.routes import forgetting
from hf_speech_tl.stages.routes.forgetting import measure_forgetting


def test_of_transcripts_that_cannot_be_romanised_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def read(*_: object) -> None:
        raise DataError("more than half of them cannot be romanised")

    monkeypatch.setattr(forgetting, "common_units", lambda *_: "romanized")
    monkeypatch.setattr(forgetting, "read_test", read)
    source = FinetuneSettings(lang="ja", data=(str(tmp_path),))
    assert measure_forgetting("before", tmp_path / "after", source) is None

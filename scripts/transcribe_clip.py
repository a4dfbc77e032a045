"""Transcribes a test clip of the starter speech as a stranger would, with transformers alone."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pyarrow.parquet as pq
import soundfile
from transformers import pipeline
from transformers.utils import logging

_SPEECH = Path(__file__).parents[1] / "hf_speech_tl" / "assets" / "starter_speech.parquet"


def main(model: str) -> None:
    """Print what was said in the first test clip, and what the model in a directory makes of it."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    clip = pq.read_table(_SPEECH, filters=[("split", "==", "test")]).slice(0, 1).to_pylist()[0]
    samples, rate = soundfile.read(io.BytesIO(clip["audio"]["bytes"]), dtype="float32")
    recogniser = pipeline("automatic-speech-recognition", model=model)
    print(f"said     {clip['text']}")
    print(f"written  {recogniser({'raw': samples, 'sampling_rate': rate})['text']}")


if __name__ == "__main__":
    main(sys.argv[1])

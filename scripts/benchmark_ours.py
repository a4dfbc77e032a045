"""Our own side of the benchmark: the command `finetune` as it is, with the lines that scripts/recipe.py prints too."""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from transformers import TrainerCallback

from hf_speech_tl.finetune import finetune
from hf_speech_tl.settings import FinetuneSettings, parse
from hf_speech_tl.stages import finetune as stage
from hf_speech_tl.training import SpeechTrainer


def main() -> None:
    begin, samples, judge = SpeechTrainer.__init__, SpeechTrainer.get_batch_samples, stage.judge
    heard = {"real": 0.0, "padded": 0.0}

    class Clock(TrainerCallback):
        """Tells of steps, and of what is no step: evaluations and checkpoints."""

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            _tell("begin")

        def on_step_end(self, *_: Any, **__: Any) -> None:
            _tell("step", **heard)

        def on_evaluate(self, *_: Any, **__: Any) -> None:
            _tell("rested")

        on_save = on_evaluate

    def with_clock(self: Any, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)
        self.add_callback(Clock())

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        batches, count = samples(self, *args, **kwargs)
        masks = [(batch["seconds"], batch["attention_mask"]) for batch in batches]
        heard["real"] = sum(seconds for seconds, _ in masks)
        heard["padded"] = sum(seconds * mask.numel() / int(mask.sum()) for seconds, mask in masks)
        return batches, count

    def timed(checkpoint: Any, vocabulary: Any, rows: Any, **how: Any) -> Any:
        _tell("judging")
        found = judge(checkpoint, vocabulary, rows, **how)
        _tell("judged", real=sum(rows["seconds"][:]))
        return found

    SpeechTrainer.__init__, SpeechTrainer.get_batch_samples, stage.judge = with_clock, counted, timed  # type: ignore
    results: Any = finetune(parse(FinetuneSettings, sys.argv[1:]))
    training, scores = results["training"], results["after"]
    gpu = training["peak_memory_mb"] if torch.cuda.is_available() else 0
    _tell(
        "end",
        steps=training["steps"],
        skipped=training["steps_skipped"],
        gpu_mb=gpu,
        precision=training["precision"],
        cer=scores["cer"]["value"],
    )


def _tell(event: str, **figures: object) -> None:
    print("@", json.dumps({"event": event, **figures}), flush=True)


if __name__ == "__main__":
    main()

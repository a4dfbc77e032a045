#!/usr/bin/env python3
"""Run the usual Hugging Face CTC recipe on the same footing as us: same rows, same normalised text, same fresh weights.

    against_recipe.py RECIPE.py CORPUS --lang zh --units romanized --lr 1e-3 --seed 0 --minutes 8 [--split validation]

RECIPE.py is the shared baseline script, tuned as its docstring asks of B: grouped by length, bf16, trained
convolutions, as many padded seconds a step as ours. Every 20 s of training its validation error is printed too, by a
callback whose own time is taken off the clock, so that the two learning curves can be laid over each other.
"""

from __future__ import annotations

import argparse
import json
import runpy
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from transformers import Trainer, TrainerCallback, set_seed

from hf_speech_tl.corpora import samples
from hf_speech_tl.languages import find_language
from hf_speech_tl.models import load_checkpoint, read_config
from hf_speech_tl.scoring import character_edits, rate
from hf_speech_tl.stages.reading import is_spaced, read_corpus

_BATCH_SECONDS = 40.0  # of our own default for the starter model
_CURVE_SECONDS = 20.0
_CURVE_CLIPS = 200


def main() -> None:
    """Prepare the inputs, then become the recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("corpus")
    parser.add_argument("--lang", required=True)
    parser.add_argument("--units", default="char")
    parser.add_argument("--lr", default="1e-3")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", default="8")
    parser.add_argument("--split", default="test")
    asked = parser.parse_args()
    language, config = find_language(asked.lang), read_config("starter")
    corpus = read_corpus(
        [asked.corpus],
        language,
        config,
        units=asked.units,
        simplify=False,
        max_seconds=20.0,
        text_column=None,
        quiet=True,
    )
    work = Path(tempfile.mkdtemp(prefix="against_recipe_"))
    texts = {
        row: text
        for rows in (corpus.train, corpus.validation, corpus.test)
        for row, text in zip(rows["id"][:], rows["transcript"][:], strict=True)
    }
    (work / "texts.json").write_text(json.dumps(texts), "utf-8")
    set_seed(asked.seed)
    load_checkpoint("starter", config).model.save_pretrained(work / "fresh")
    size = max(1, round(_BATCH_SECONDS / float(np.mean(corpus.train["seconds"][:]))))
    _draw_curve(
        corpus.validation.select(range(min(_CURVE_CLIPS, len(corpus.validation)))),
        is_spaced(language, asked.units),
    )
    sys.argv = [
        asked.recipe,
        "--data",
        asked.corpus,
        "--model",
        str(work / "fresh"),
        "--texts",
        str(work / "texts.json"),
    ]
    sys.argv += ["--sampling", "group_by_length", "--bf16", "--train-feature-encoder", "--batch-size", str(size)]
    sys.argv += ["--lr", asked.lr, "--seed", str(asked.seed), "--minutes", asked.minutes, "--split", asked.split]
    sys.argv += ["--out", str(work / "out")]
    (work / "out").mkdir()
    runpy.run_path(asked.recipe, run_name="__main__")


def _draw_curve(rows, spaced: bool) -> None:  # type: ignore[no-untyped-def]
    """Give every Trainer from here on a callback that prints the validation error now and then."""
    clips = [samples(audio) for audio in rows["audio"][:]]
    references = rows["transcript"][:]

    class Curve(TrainerCallback):
        due = _CURVE_SECONDS

        def on_step_end(self, args, state, control, model=None, processing_class=None, **_):  # type: ignore[no-untyped-def]
            clock = next(one for one in self.trainer.callback_handler.callbacks if type(one).__name__ == "Clock")
            trained = time.time() - clock.begin
            if trained < self.due:
                return
            self.due += _CURVE_SECONDS
            begin = time.time()
            model.eval()
            texts = []
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                for at in range(0, len(clips), 25):
                    inputs = processing_class(
                        audio=clips[at : at + 25], sampling_rate=16_000, padding=True, return_tensors="pt"
                    )
                    texts += processing_class.batch_decode(model(**inputs).logits.argmax(-1))
            model.train()
            error = rate(character_edits(references, texts, spaced=spaced))
            print(
                json.dumps(
                    {"seconds": round(trained, 1), "step": state.global_step, "validation_cer": round(error, 4)}
                ),
                flush=True,
            )
            clock.begin += time.time() - begin

    begin_trainer = Trainer.__init__

    def with_curve(self, *args, **kwargs) -> None:  # type: ignore[no-untyped-def]
        begin_trainer(self, *args, **kwargs)
        curve = Curve()
        curve.trainer = self
        self.add_callback(curve)

    Trainer.__init__ = with_curve


if __name__ == "__main__":
    main()

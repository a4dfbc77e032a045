#!/usr/bin/env python3
"""Run the usual Hugging Face CTC recipe, or ours, on the same footing: same rows, normalised text and fresh weights.

    against_recipe.py RECIPE.py CORPUS --lang zh --units romanized --lr 1e-3 --seed 0 --minutes 8 [--split validation]
    against_recipe.py ours CORPUS --lang zh --units romanized --seed 0 --minutes 8 --output DIR [options of finetune]

RECIPE.py is the shared baseline script, tuned as its docstring asks of B: grouped by length, trained convolutions, as
many padded seconds a step as ours, and --precision bfloat16 where the CPU has instructions for it. Until the error on
200 validation clips falls under 0.8 it is printed every 5 s of training (20 s after the first minute), by a callback
whose own time is taken off the clock, so that the two ways off the blank plateau can be laid over each other; --stop
ends there. --steps N ends a run after so many steps instead of minutes, its schedule laid out for them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import runpy
import sys
import tempfile
import time
from pathlib import Path

import environment  # noqa: F401

import numpy as np
import torch
from transformers import Trainer, TrainerCallback, set_seed

from hf_speech_tl import finetune
from hf_speech_tl.corpora import samples
from hf_speech_tl.decoding import recognise
from hf_speech_tl.languages import find_language
from hf_speech_tl.models import load_checkpoint, read_config
from hf_speech_tl.scoring import character_edits, rate
from hf_speech_tl.stages.reading import is_spaced, read_corpus

_BATCH_SECONDS = 40.0  # of our own default for the starter model
_CURVE_SECONDS = (5.0, 20.0)  # between two points of the curve, in the first minute and later
_CURVE_CLIPS = 200
_LEFT = 0.8  # a validation error that only a model which has left the blank plateau has


def main() -> None:
    """Prepare the inputs, then become the recipe, or our own command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("corpus")
    parser.add_argument("--lang", required=True)
    parser.add_argument("--units", default="char")
    parser.add_argument("--lr", default="1e-3")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", default="8")
    parser.add_argument("--steps", help="instead of --minutes")
    parser.add_argument("--split", default="test")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--stop", action="store_true")
    parser.add_argument("--output", help="of ours, which needs one")
    asked, more = parser.parse_known_args()
    if asked.recipe == "ours" and asked.output is None:
        parser.error("ours: --output DIR is missing: where the run goes")
    if asked.recipe != "ours" and more:
        parser.error(f"unknown options: {' '.join(more)}")
    length = ["--max-steps", asked.steps] if asked.steps else []
    language, config = find_language(asked.lang), read_config("starter")
    corpus = read_corpus(
        [asked.corpus],
        language,
        config,
        units=asked.units,
        simplify=False,
        max_seconds=20.0,
        text_column=None,
        tier=None,
        quiet=True,
    )
    _draw_curve(
        corpus.validation.select(range(min(_CURVE_CLIPS, len(corpus.validation)))),
        is_spaced(language, asked.units),
        asked.precision,
        asked.stop,
    )
    if asked.recipe == "ours":
        options = ["--lang", asked.lang, "--units", asked.units, "--data", asked.corpus]
        options += ["--model", "starter", "--from-scratch"]
        options += length or ["--max-minutes", asked.minutes]
        sys.exit(finetune.main([*options, *more, "--seed", str(asked.seed), "--output", asked.output]))
    work = Path(tempfile.mkdtemp(prefix="against_recipe_"))
    texts = {
        row: text
        for rows in (corpus.train, corpus.validation, corpus.test)
        for row, text in zip(rows["id"][:], rows["transcript"][:], strict=True)
    }
    (work / "texts.json").write_text(json.dumps(texts), "utf-8")
    set_seed(asked.seed)
    load_checkpoint("starter", config, from_scratch=True).model.save_pretrained(work / "fresh")
    size = max(1, round(_BATCH_SECONDS / float(np.mean(corpus.train["seconds"][:]))))
    sys.argv = [asked.recipe, "--data", asked.corpus, "--model", str(work / "fresh")]
    sys.argv += ["--texts", str(work / "texts.json"), "--out", str(work / "out")]
    sys.argv += ["--sampling", "group_by_length", "--train-feature-encoder", "--batch-size", str(size)]
    sys.argv += ["--bf16"] if asked.precision == "bfloat16" else []
    sys.argv += ["--lr", asked.lr, "--seed", str(asked.seed), "--split", asked.split]
    sys.argv += length or ["--minutes", asked.minutes]
    (work / "out").mkdir()
    runpy.run_path(asked.recipe, run_name="__main__")


def _draw_curve(rows, spaced: bool, precision: str, stop: bool) -> None:  # type: ignore[no-untyped-def]
    """Give every Trainer from here on a callback that prints the validation error now and then."""
    clips = [samples(audio) for audio in rows["audio"][:]]
    references, lengths = rows["transcript"][:], rows["seconds"][:]
    autocast = torch.autocast("cpu", torch.bfloat16) if precision == "bfloat16" else contextlib.nullcontext()

    class Curve(TrainerCallback):
        due, away, begin = 0.0, 0.0, 0.0

        def on_train_begin(self, args, state, control, **_):  # type: ignore[no-untyped-def]
            self.begin = time.time()

        def on_step_end(self, args, state, control, model=None, processing_class=None, **_):  # type: ignore[no-untyped-def]
            now = time.time()
            trained = now - self.begin - self.away
            if trained < self.due:
                return
            self.due = trained + _CURVE_SECONDS[trained > 60]
            was_training = model.training
            model.eval()
            with torch.no_grad(), autocast:
                texts = self.texts(model, processing_class)
            model.train(was_training)
            error = rate(character_edits(references, texts, spaced=spaced))
            point = {"seconds": round(trained, 1), "step": state.global_step, "validation_cer": round(error, 4)}
            print(json.dumps(point), flush=True)
            if error < _LEFT and stop:
                sys.exit(0)
            if error < _LEFT:
                self.due = float("inf")
            spent = time.time() - now
            self.away += spent
            for callback in self.trainer.callback_handler.callbacks:
                if type(callback).__name__ == "Clock":  # the recipe's own, which ends the run
                    callback.begin += spent

        def texts(self, model, processor) -> list[str]:  # type: ignore[no-untyped-def]
            if processor is None:
                ours = self.trainer
                found = recognise(model, ours._feature_extractor, ours._vocabulary, clips.__getitem__, lengths)
                return [recognition.text for recognition in found]
            texts = []
            for at in range(0, len(clips), 25):
                inputs = processor(audio=clips[at : at + 25], sampling_rate=16_000, padding=True, return_tensors="pt")
                texts += processor.batch_decode(model(**inputs).logits.argmax(-1))
            return texts

    begin_trainer = Trainer.__init__

    def with_curve(self, *args, **kwargs) -> None:  # type: ignore[no-untyped-def]
        begin_trainer(self, *args, **kwargs)
        curve = Curve()
        curve.trainer = self
        self.add_callback(curve)

    Trainer.__init__ = with_curve


if __name__ == "__main__":
    main()

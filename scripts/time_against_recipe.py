#!/usr/bin/env python3
"""Time our training against the usual Hugging Face CTC recipe: speed, memory, disk, first step and evaluation.

    time_against_recipe.py RECIPE.py CORPUS --lang qu [--model base|starter] [--rows 60] [--rounds 3] [--sides A,B,ours]

Each side runs in fresh processes, alternating, on the same rows and texts; the table has medians and their ratios.

A        the recipe as documented: 8 random clips a step
B        the recipe tuned: grouped by length, as many padded seconds a step as ours, bfloat16 where the CPU has it
ours     nothing kept of the frozen layers
kept     five epochs, what frozen layers make kept in memory, the first epoch included
A-lora, B-lora, lora, lora-kept    the same with LoRA

A, B and ours take --steps steps, or one epoch. transformers groups clips by length among a quarter as many batches as
an epoch has, the longest first: fewer --rows than 40 batches are hardly grouped, and steps are best a multiple of
that quarter.

--model base has the shape of wav2vec 2.0 base with layer norms (95 M parameters) and random weights, to be treated as
pretrained: its convolutions are frozen. --model starter trains fresh weights, so nothing is kept.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import environment  # noqa: F401

_BATCH_SECONDS = 40.0
_TEST_ROWS = 50
_SIDES = ("A", "B", "ours", "kept", "A-lora", "B-lora", "lora", "lora-kept")
_EPOCHS = {"kept": 5, "lora-kept": 5}


def main() -> None:
    """Write the inputs, run the sides in turn, print the table."""
    if sys.argv[1:2] == ["ours"]:  # one of our own processes
        _be_ours(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("corpus")
    parser.add_argument("--lang", required=True)
    parser.add_argument("--units", default="char")
    parser.add_argument("--model", choices=("base", "starter"), default="base")
    parser.add_argument(
        "--max-seconds", type=float, default=20.0, help="longest clip; the recipe's batches grow with it"
    )
    parser.add_argument(
        "--rows", type=int, default=60, help=f"training clips, and as many test clips, {_TEST_ROWS} at most"
    )
    parser.add_argument("--steps", type=int, help="of each side that does not take five epochs; default: one epoch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sides", default="A,B,ours,kept")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--work", type=Path, help="keeps inputs and results here, and goes on where it was")
    asked = parser.parse_args()
    work = asked.work or Path(tempfile.mkdtemp(prefix="time_against_recipe_"))
    mean = _prepare(asked, work)
    table: dict[str, list[dict[str, float]]] = {}
    for number in range(asked.rounds):
        for side in asked.sides.split(","):
            if side not in _SIDES:
                parser.error(f"--sides {side}: allowed are {', '.join(_SIDES)}")
            kept = work / f"{side}-{number}.json"
            if not kept.exists():
                kept.write_text(json.dumps(_run(side, asked, work, mean)))
            figures = json.loads(kept.read_text())
            table.setdefault(side, []).append(figures)
            print(f"round {number + 1}: {side}: {figures}", flush=True)
    _show(table)


def _prepare(asked: argparse.Namespace, work: Path) -> float:
    """Parquet files of a sample of the corpus, and the model; returns the clips' mean seconds."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    import soundfile
    from transformers import Wav2Vec2Config, Wav2Vec2Model, set_seed

    from hf_speech_tl.corpora import samples
    from hf_speech_tl.languages import find_language
    from hf_speech_tl.models import load_checkpoint, read_config
    from hf_speech_tl.stages.reading import read_corpus

    data, lengths = work / "data", work / "seconds.json"
    if not lengths.exists():
        corpus = read_corpus(
            [asked.corpus],
            find_language(asked.lang),
            read_config("starter"),
            units=asked.units,
            simplify=False,
            max_seconds=asked.max_seconds,
            text_column=None,
            tier=None,
            quiet=True,
        )
        data.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng(0)
        for split, rows, count in (
            ("train", corpus.train, asked.rows),
            ("validation", corpus.validation, 8),
            ("test", corpus.test, min(asked.rows, _TEST_ROWS)),
        ):
            chosen = rows.select(sorted(generator.permutation(len(rows))[:count].tolist()))
            audio = []
            for row in chosen:
                sink = io.BytesIO()
                soundfile.write(sink, samples(row["audio"]), 16_000, format="FLAC")
                audio.append({"bytes": sink.getvalue(), "path": None})
            table = {"id": chosen["id"][:], "audio": audio, "text": chosen["transcript"][:]}
            pq.write_table(pa.table(table), data / f"{split}.parquet", compression="none")  # as datasets does
            if split == "train":
                mean = float(np.mean(chosen["seconds"][:]))
        set_seed(0)
        if asked.model == "base":
            config = Wav2Vec2Config(feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True)
            Wav2Vec2Model(config).save_pretrained(work / "model")
        else:
            load_checkpoint("starter", read_config("starter"), from_scratch=True).model.save_pretrained(work / "model")
        lengths.write_text(json.dumps(mean))
    return json.loads(lengths.read_text())


def _run(side: str, asked: argparse.Namespace, work: Path, mean: float) -> dict[str, float]:
    """The figures of one fresh process."""
    data, model = work / "data", work / "model"
    with tempfile.TemporaryDirectory(dir=work) as place:
        environment = os.environ | {"HF_HOME": f"{place}/home", "HF_DATASETS_CACHE": f"{place}/home/datasets"}
        if side[0] in "AB":
            size = 8 if side[0] == "A" else max(1, round(_BATCH_SECONDS / mean))
            command = [asked.recipe, "--data", str(data), "--model", str(model), "--out", f"{place}/out"]
            command += ["--batch-size", str(size), "--max-steps", str(asked.steps or max(1, asked.rows // size))]
            command += ["--sampling", "group_by_length"] if side[0] == "B" else []
            command += ["--bf16"] if side[0] == "B" and asked.bf16 else []
            command += ["--lora"] if side.endswith("lora") else []
            command += ["--train-feature-encoder"] if asked.model == "starter" else []
            os.mkdir(f"{place}/out")
        else:
            chosen = ["--model", str(model)] if asked.model == "base" else ["--model", "starter", "--from-scratch"]
            command = [__file__, "ours", "--lang", asked.lang, "--units", asked.units, "--data", str(data), *chosen]
            limited = asked.steps and side not in _EPOCHS
            command += ["--max-steps", str(asked.steps)] if limited else ["--epochs", str(_EPOCHS.get(side, 1))]
            command += ["--batch-seconds", str(_BATCH_SECONDS), "--json"]
            command += ["--cache", "memory" if side.endswith("kept") else "none", "--output", f"{place}/out"]
            command += ["--tuning", "lora"] if side.startswith("lora") else []
        begin = time.monotonic()
        with (work / "errors.log").open("a") as errors:
            done = subprocess.run(
                [sys.executable, *command], env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        if done.returncode:
            sys.exit(f"{side} ended with {done.returncode}: see {work / 'errors.log'}")
        told = json.loads(done.stdout.strip().splitlines()[-1])
        told["seconds"] = round(time.monotonic() - begin, 1)
        if side[0] not in "AB":
            told["disk_mb"] = round(
                sum(f.stat().st_size for f in Path(place, "home").rglob("*") if f.is_file()) / 1e6, 1
            )
    names = ("audio_seconds_per_second", "seconds_to_first_step", "peak_rss_mb", "disk_mb", "eval_audio_per_second")
    return {name: told[name] for name in (*names, "steps", "seconds")}


def _be_ours(arguments: list[str]) -> None:
    """Our command, with a clock on its steps and its last evaluation; the last line has what the recipe's has."""
    import psutil
    from transformers import Trainer, TrainerCallback

    from hf_speech_tl.finetune import finetune
    from hf_speech_tl.settings import FinetuneSettings, parse
    from hf_speech_tl.stages import finetune as stage

    started = psutil.Process().create_time()
    clock = {"steps": 0.0, "first": 0.0, "judged": 0.0}

    class Clock(TrainerCallback):
        """Sums up steps with their loading, without what comes between them."""

        def mark(self, *_, **__) -> None:  # type: ignore[no-untyped-def]
            self.last = time.monotonic()

        on_train_begin = on_evaluate = on_save = mark

        def on_step_end(self, *_, **__) -> None:  # type: ignore[no-untyped-def]
            clock["steps"] += time.monotonic() - self.last
            clock["first"] = clock["first"] or time.time() - started
            self.mark()

    begin_trainer, judge = Trainer.__init__, stage.judge

    def with_clock(self, *args, **kwargs) -> None:  # type: ignore[no-untyped-def]
        begin_trainer(self, *args, **kwargs)
        self.add_callback(Clock())

    def timed(*args, **kwargs):  # type: ignore[no-untyped-def]
        begin = time.monotonic()
        found = judge(*args, **kwargs)
        clock["judged"] = time.monotonic() - begin
        return found

    Trainer.__init__, stage.judge = with_clock, timed
    results = finetune(parse(FinetuneSettings, arguments))
    training = results["training"]
    audio = training["audio_seconds_per_second"] * training["seconds"]
    print(
        json.dumps(
            {
                "audio_seconds_per_second": round(audio / clock["steps"], 2),
                "seconds_to_first_step": round(clock["first"], 1),
                "peak_rss_mb": training["peak_memory_mb"],
                "eval_audio_per_second": round(results["data"]["hours"]["test"] * 3600 / clock["judged"], 1),
                "steps": training["steps"],
            }
        )
    )


def _show(table: dict[str, list[dict[str, float]]]) -> None:
    medians = {
        side: {name: statistics.median(run[name] for run in runs) for name in runs[0]} for side, runs in table.items()
    }
    names = list(next(iter(medians.values())))
    print("\n| side | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for side, figures in medians.items():
        print(f"| {side} | " + " | ".join(f"{figures[name]:g}" for name in names) + " |")
    for side, figures in medians.items():
        for other in ("A", "B", "A-lora", "B-lora"):
            if side[0] not in "AB" and other in medians and ("lora" in side) == ("lora" in other):
                ratios = {name: figures[name] / medians[other][name] for name in names if medians[other][name]}
                print(f"{side} / {other}: " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()))


if __name__ == "__main__":
    main()

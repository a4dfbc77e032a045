"""Hugging Face's recipe for CTC, without anything of ours: what our training is timed and scored against.

    python recipe.py --data DIR --model DIR --output DIR (--max-steps N | --minutes M | --probe) [options]

DIR of --data holds train.parquet and test.parquet (`id`, `audio` with `bytes` of 16 kHz, `text`, normalised); DIR of
--model an encoder with its feature extractor.

A, the recipe as Hugging Face documents it (the guide to speech recognition, "Fine-Tune Wav2Vec2 for English ASR" and
"Fine-Tune W2V2-BERT"): `datasets.map` makes every clip into the model's input and keeps that on disk, a stock Trainer
takes 8 random clips a step and pads them to the longest; AdamW, a linear schedule; on a GPU fp16; LoRA as PEFT teaches
it, of the query and value projections. That is what this script does without options.

B, the same by an expert: `--group-by-length` with the lengths in a column, so that no clip is loaded to be measured,
and a test split in the order of its lengths; `--batch-size` of ours; `--no-dropout`, the choice of "Fine-tuning XLS-R";
`--bf16` where `--probe` says that it is faster; `--learning-rate` chosen on validation.

In both the clips' lengths are counted, and a step with a gradient that is not finite is skipped, which bfloat16 on a
CPU now and then has. Lines that begin with @ say what happens at the moment they are written; texts.jsonl in --output
has what was recognised.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from datasets import Audio, Dataset, DatasetDict, load_dataset
from transformers import (
    AutoFeatureExtractor,
    AutoModelForCTC,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    Wav2Vec2CTCTokenizer,
    set_seed,
)

_RATE = 16_000
_DROPOUTS = ("attention_dropout", "hidden_dropout", "activation_dropout", "feat_proj_dropout", "final_dropout")
_TRIALS = 7  # of each precision, the first of which is not counted


def main() -> None:
    asked = _asked()
    set_seed(asked.seed)
    asked.output.mkdir(parents=True, exist_ok=True)
    data = _read(asked.data, asked.split)
    tokenizer = _tokenizer(data, asked.output)
    extractor = AutoFeatureExtractor.from_pretrained(asked.model)
    prepared = data.map(_prepare(extractor, tokenizer), remove_columns=data["train"].column_names).with_format("numpy")
    model = _model(asked, tokenizer)
    collate = _Collator(extractor, tokenizer, prepared["train"])
    clock = _Clock(asked, collate)
    trainer = Trainer(
        model,
        _arguments(asked),
        data_collator=collate,
        train_dataset=prepared["train"],
        processing_class=extractor,
        callbacks=[clock],
        preprocess_logits_for_metrics=lambda logits, _: logits.argmax(-1),
    )
    if asked.probe:
        _probe(trainer)
        return
    trainer.train()
    _judge(trainer, data[asked.split], prepared[asked.split], tokenizer, asked)
    gpu = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    precision = "bfloat16" if asked.bf16 else "float16" if trainer.args.fp16 else "float32"
    _tell("end", steps=trainer.state.global_step, skipped=clock.skipped, gpu_mb=round(gpu / 1e6), precision=precision)


def _read(folder: Path, split: str) -> DatasetDict:
    files = {name: str(folder / f"{name}.parquet") for name in ("train", split)}
    # Decoded by hand: the library's own decoding wants a system FFmpeg.
    return load_dataset("parquet", data_files=files).cast_column("audio", Audio(decode=False))


def _tokenizer(data: DatasetDict, output: Path) -> Wav2Vec2CTCTokenizer:
    symbols = sorted({symbol for rows in data.values() for text in rows["text"][:] for symbol in text} - {" "})
    vocabulary = {symbol: index for index, symbol in enumerate([*symbols, "|", "[UNK]", "[PAD]"])}
    (output / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    return Wav2Vec2CTCTokenizer(
        str(output / "vocab.json"), unk_token="[UNK]", pad_token="[PAD]", word_delimiter_token="|"
    )


def _prepare(extractor: Any, tokenizer: Wav2Vec2CTCTokenizer) -> Any:
    name = extractor.model_input_names[0]

    def prepare(row: dict[str, Any]) -> dict[str, Any]:
        samples, _ = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="float32")
        inputs = extractor(samples, sampling_rate=_RATE)[name][0]
        labels = tokenizer(row["text"]).input_ids
        return {name: inputs, "input_length": len(inputs), "seconds": len(samples) / _RATE, "labels": labels}

    return prepare


def _model(asked: argparse.Namespace, tokenizer: Wav2Vec2CTCTokenizer) -> torch.nn.Module:
    own: dict[str, Any] = {"layerdrop": 0.0, **dict.fromkeys(_DROPOUTS, 0.0)} if asked.no_dropout else {}
    model = AutoModelForCTC.from_pretrained(
        asked.model,
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        ctc_loss_reduction="mean",
        ctc_zero_infinity=True,
        ignore_mismatched_sizes=True,
        **own,
    )
    if asked.freeze_feature_encoder:
        model.freeze_feature_encoder()
    if asked.lora:
        from peft import LoraConfig, get_peft_model

        adapters = LoraConfig(r=16, lora_alpha=32, target_modules=["q_proj", "v_proj"], modules_to_save=["lm_head"])
        model = get_peft_model(model, adapters)
    return model


def _arguments(asked: argparse.Namespace) -> TrainingArguments:
    gpu = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(asked.output),
        per_device_train_batch_size=asked.batch_size,
        per_device_eval_batch_size=asked.batch_size,
        learning_rate=asked.learning_rate,
        warmup_steps=0.1,
        max_steps=asked.max_steps,
        lr_scheduler_type="constant" if asked.minutes else "linear",  # with minutes the clock lowers the rate
        train_sampling_strategy="group_by_length" if asked.group_by_length else "random",
        length_column_name="input_length",
        remove_unused_columns=False,  # else the lengths are gone before the sampler looks for them
        bf16=asked.bf16,
        fp16=gpu and not asked.bf16,
        use_cpu=not gpu,
        seed=asked.seed,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )


class _Collator:
    """Pads rows into a batch; of the training batches it has seen since it was asked, it knows `real` and `padded`
    seconds."""

    def __init__(self, extractor: Any, tokenizer: Wav2Vec2CTCTokenizer, rows: Dataset) -> None:
        self._extractor, self._tokenizer, self._name = extractor, tokenizer, extractor.model_input_names[0]
        self._unit = float(np.sum(rows["seconds"][:]) / np.sum(rows["input_length"][:]))  # seconds of one input
        self.real = self.padded = 0.0

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        lengths = [int(row["input_length"]) for row in rows]
        self.real += sum(lengths) * self._unit
        self.padded += max(lengths) * len(lengths) * self._unit
        batch = self._extractor.pad([{self._name: row[self._name]} for row in rows], padding=True, return_tensors="pt")
        labels = self._tokenizer.pad([{"input_ids": row["labels"]} for row in rows], return_tensors="pt")
        batch["labels"] = labels["input_ids"].masked_fill(labels["attention_mask"].ne(1), -100)
        return batch


class _Clock(TrainerCallback):
    """Tells of the steps, skips those whose gradient is not finite, and with --minutes lets the rate fall to zero by
    the clock, at which the training ends."""

    def __init__(self, asked: argparse.Namespace, collate: _Collator) -> None:
        self._asked, self._collate, self._begin = asked, collate, 0.0
        self.skipped = 0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self._begin = time.monotonic()
        _tell("begin")

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        model, optimizer = known["model"], known["optimizer"]
        if self._asked.minutes:
            rate = self._asked.learning_rate * min(1.0, 10 * self._spent) * max(0.0, 1 - self._spent)
            for group in optimizer.param_groups:
                group["lr"] = rate
        gradients = [one.grad for one in model.parameters() if one.grad is not None]
        if not torch.stack([gradient.norm() for gradient in gradients]).isfinite().all():
            self.skipped += 1
            model.zero_grad()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        _tell("step", real=self._collate.real, padded=self._collate.padded)
        self._collate.real = self._collate.padded = 0.0
        control.should_training_stop |= bool(self._asked.minutes) and self._spent >= 1

    @property
    def _spent(self) -> float:
        """The share of the minutes that is over."""
        return (time.monotonic() - self._begin) / (60 * self._asked.minutes)


def _judge(trainer: Trainer, rows: Dataset, prepared: Dataset, tokenizer: Any, asked: argparse.Namespace) -> None:
    """Recognise a split as the Trainer predicts, and write texts.jsonl."""
    names, texts = rows["id"][:], rows["text"][:]
    order = np.argsort(prepared["input_length"][:]) if asked.group_by_length else np.arange(len(prepared))
    # Grouped, predictions would come in an order that nobody is told.
    trainer.args.train_sampling_strategy = "random"
    _tell("judging")
    found = trainer.predict(prepared.select(order)).predictions
    heard = tokenizer.batch_decode(np.where(found == -100, tokenizer.pad_token_id, found))
    _tell("judged", real=float(np.sum(prepared["seconds"][:])))
    with (asked.output / "texts.jsonl").open("w", encoding="utf-8") as file:
        for at, text in zip(order.tolist(), heard, strict=True):
            file.write(json.dumps({"id": names[at], "said": texts[at], "heard": text}, ensure_ascii=False) + "\n")


def _probe(trainer: Trainer) -> None:
    """Tell how many times faster a step's passes are in bfloat16 than in float32, on the same batches; what goes first
    on a batch pays for its memory, so the two take turns at it."""
    model, device = trainer.model.train(), trainer.args.device
    ratios = []
    for trial, batch in zip(range(_TRIALS), trainer.get_train_dataloader(), strict=False):
        times = {}
        for enabled in (False, True) if trial % 2 else (True, False):
            begin = time.perf_counter()
            with torch.autocast(device.type, torch.bfloat16, enabled=enabled):
                loss = model(**{name: value.to(device) for name, value in batch.items()}).loss
            loss.backward()
            if device.type == "cuda":
                torch.cuda.synchronize()
            times[enabled] = time.perf_counter() - begin
        ratios.append(times[False] / times[True])
    counted = ratios[1:] or ratios
    _tell("probed", gain=statistics.median(counted), trials=len(counted))


def _tell(event: str, **figures: object) -> None:
    print("@", json.dumps({"event": event, **figures}), flush=True)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--output", type=Path, required=True)
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--max-steps", type=int, default=1_000_000)
    length.add_argument("--minutes", type=float, default=0.0)
    length.add_argument("--probe", action="store_true")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", default="test", help="what is recognised at the end")
    parser.add_argument("--group-by-length", action="store_true")
    parser.add_argument("--no-dropout", action="store_true")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--lora", action="store_true")
    parser.add_argument("--freeze-feature-encoder", action="store_true", help="of pretrained weights")
    return parser.parse_args()


if __name__ == "__main__":
    main()
